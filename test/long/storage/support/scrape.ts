import { execFileSync } from 'node:child_process';
import type { NetworkLab } from '../../../support/network-lab.ts';

/** Asks the agent's Prometheus page, on its own loopback. Returns what gives a metric's value by the end of its name. */
export function scrape({ launcher }: NetworkLab, port: number): (name: string) => number {
  const script = `fetch('http://127.0.0.1:${port}/metrics').then((r) => r.text()).then((text) => process.stdout.write(text))`;
  const [program, ...args] = [...launcher, process.execPath, '-e', script];
  const page = execFileSync(program ?? '', args, { encoding: 'utf8' });
  return (name) => Number(new RegExp(`^\\w*${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1]);
}
