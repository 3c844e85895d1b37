import { passed, type Finding } from './finding.ts';

const LABELS = { pass: 'ok', warn: 'WARN', fail: 'FAIL', skip: '-' } as const;

/** A table for a technician: what is wrong and what to do stands out. */
export function tableText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, verdict, detail, cure }) => {
    const line = `${LABELS[verdict].padEnd(5)} ${check.padEnd(width)}  ${oneLine(detail)}`;
    const indent = ' '.repeat(6 + width + 2);
    return cure === undefined ? [line] : [line, `${indent}→ ${oneLine(cure)}`];
  });
  const count = (verdict: Finding['verdict']) => findings.filter((each) => each.verdict === verdict).length;
  const sum = passed(findings)
    ? `Passed: nothing stands in the way, ${count('warn')} warnings.`
    : `Failed: ${count('fail')} faults, ${count('warn')} warnings.`;
  return `${[...lines, '', sum].join('\n')}\n`;
}

/** For programs: `{passed, findings: [{check, verdict, detail, cure?}]}`. */
export function jsonText(findings: readonly Finding[]): string {
  return `${JSON.stringify({ passed: passed(findings), findings }, undefined, 2)}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, '; ');
}
