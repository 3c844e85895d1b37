// Writes the table of configuration keys into README.md, or with --check says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeSchema, type SchemaRow } from '../src/config/document.ts';

const BEGIN = '<!-- config:begin -->';
const END = '<!-- config:end -->';

/** `readme` with the table of keys between its markers. Throws where it has no markers. */
export function withConfigTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md needs the markers ${BEGIN} and ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${configTable()}\n\n${readme.slice(end)}`;
}

/** The table as prettier would format it, so that both checks agree. */
function configTable(): string {
  const head = ['Key', 'Values', 'Default', 'Scope', 'Meaning'];
  const rows = [head, ...describeSchema().map(cells)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill: string) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  const rule = head.map(() => '-');
  const [first = [], ...others] = rows;
  return [line(first, ' '), line(rule, '-'), ...others.map((row) => line(row, ' '))].join('\n');
}

function cells({ key, type, default: value, scope, doc }: SchemaRow): string[] {
  const shown = value === '' || value === 'required' ? value : `\`${value}\``;
  return [`\`${key}\``, type, shown, `\`${scope}\``, doc];
}

function main(): void {
  const file = fileURLToPath(new URL('../README.md', import.meta.url));
  const readme = readFileSync(file, 'utf8');
  const current = withConfigTable(readme);
  if (current === readme) return;
  if (process.argv.includes('--check')) {
    process.stderr.write(
      'README.md: the table of configuration keys is not current: node artifacts/readme-config.ts\n',
    );
    process.exitCode = 1;
  } else {
    writeFileSync(file, current);
  }
}

if (import.meta.main) main();
