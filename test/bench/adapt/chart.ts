/** One line of a chart. */
export interface Series {
  name: string;
  colour: string;
  /** Seconds and value; drawn as steps. */
  points: readonly (readonly [number, number])[];
}

export interface Panel {
  title: string;
  unit: string;
  series: readonly Series[];
}

const WIDTH = 960;
const PANEL_HEIGHT = 180;
const LEFT = 60;
const RIGHT = 10;
const GAP = 46;

/** Panels above one another over the same time, as SVG. */
export function drawChart(title: string, panels: readonly Panel[]): string {
  const seconds = Math.max(
    1,
    ...panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([s]) => s))),
  );
  const height = GAP + panels.length * (PANEL_HEIGHT + GAP);
  const drawn = panels.map((panel, i) => drawPanel(panel, GAP + i * (PANEL_HEIGHT + GAP), seconds));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/><text x="${LEFT}" y="18" font-size="15">${escape(title)}</text>
${drawn.join('\n')}</svg>\n`;
}

function drawPanel({ title, unit, series }: Panel, top: number, seconds: number): string {
  const highest = Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value))) * 1.05;
  const x = (s: number) => (LEFT + (s / seconds) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number) => (top + PANEL_HEIGHT * (1 - value / highest)).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = share * highest;
    return `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value)}" text-anchor="end">${value >= 10 ? Math.round(value) : value.toFixed(1)}</text>`;
  });
  const ticks = Array.from({ length: Math.floor(seconds / 10) + 1 }, (_, i) => 10 * i).map(
    (s) => `<text x="${x(s)}" y="${top + PANEL_HEIGHT + 14}" text-anchor="middle">${s} s</text>`,
  );
  const lines = series.map(({ points, colour }) => {
    const path = points
      .map(([s, value], i) => (i === 0 ? `M${x(s)} ${y(value)}` : `H${x(s)}V${y(value)}`))
      .join('');
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const legend = series.map(
    ({ name, colour }, i) =>
      `<text x="${LEFT + 160 + i * 150}" y="${top - 6}" fill="${colour}">${escape(name)}</text>`,
  );
  return `<text x="${LEFT}" y="${top - 6}">${escape(title)} (${escape(unit)})</text>${[...grid, ...ticks, ...lines, ...legend].join('')}`;
}

function escape(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
