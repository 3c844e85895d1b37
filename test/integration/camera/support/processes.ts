import { readdirSync, readFileSync } from 'node:fs';

/** Process ids of this test's own child programs, or of another process's, with that name (`/proc/PID/comm`). */
export function childPids(name: string, parentPid = process.pid): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const stat = readOrEmpty(`/proc/${pid}/stat`);
      const [, comm, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? [];
      return comm === name && Number(parent) === parentPid;
    });
}

/** The arguments of a process, as anybody on the machine can read them. */
export function commandLine(pid: number): string {
  return readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
