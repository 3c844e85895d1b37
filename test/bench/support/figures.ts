/** The `share` quantile (0 to 1) of some figures, by the nearest rank. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[rank] ?? Number.NaN;
}

export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** A table in plain text: a row for each entry, its columns right-aligned. */
export function table(header: readonly string[], rows: ReadonlyArray<readonly (string | number)[]>): string {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => (typeof cell === 'number' ? String(round(cell)) : cell)),
  );
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

function round(figure: number): number {
  return Math.abs(figure) >= 100 ? Math.round(figure) : Math.round(figure * 10) / 10;
}

/** The longest time between two moments that follow each other; -Infinity where there are not two. */
export function longestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((at, index) => at - times[index]!));
}
