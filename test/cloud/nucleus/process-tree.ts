import { readdirSync, readFileSync } from 'node:fs';

/** Process ids below `pid`, the deepest first. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (ancestor: number): number[] =>
    (children.get(ancestor) ?? []).flatMap((child) => [...below(child), child]);
  return below(pid);
}

function parentOf(pid: string): number | undefined {
  try {
    // The name in parentheses may hold anything; after it come state and parent.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
