import { readdir, readFile } from 'node:fs/promises';

/** What the kernel tells about a process; CPU time since its start. */
export interface ProcessFigures {
  cpuSeconds: number;
  /** Of its children that have ended. */
  endedChildrenCpuSeconds: number;
  residentBytes: number;
}

/** USER_HZ: 100 on every architecture that Node runs on (proc(5)). */
const TICKS_PER_SECOND = 100;
/** A program and its children, and theirs: a wrapper script, ffmpeg, what ffmpeg starts. */
const MAX_DEPTH = 4;

/** From /proc; undefined when there is no such process, or no /proc. `pid` may be `self`. */
export async function processFigures(pid: number | 'self'): Promise<ProcessFigures | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
    ]);
    // The name, in brackets, may hold anything; behind it stand numbers (proc(5): utime is field 14).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) / TICKS_PER_SECOND;
    const residentKb = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    return {
      cpuSeconds: seconds(11),
      endedChildrenCpuSeconds: seconds(13),
      residentBytes: residentKb * 1024,
    };
  } catch {
    return undefined;
  }
}

/** CPU time of all descendants of this process, also of those that have ended, and the memory of those that live. */
export async function descendantsFigures(): Promise<{ cpuSeconds: number; residentBytes: number }> {
  const self = await processFigures('self');
  const sum = { cpuSeconds: self?.endedChildrenCpuSeconds ?? 0, residentBytes: 0 };
  let pids = await childrenOf('self');
  for (let depth = 0; depth < MAX_DEPTH && pids.length > 0; depth += 1) {
    const [figures, next] = await Promise.all([
      Promise.all(pids.map((pid) => processFigures(pid))),
      Promise.all(pids.map((pid) => childrenOf(pid))),
    ]);
    for (const child of figures) {
      sum.cpuSeconds += (child?.cpuSeconds ?? 0) + (child?.endedChildrenCpuSeconds ?? 0);
      sum.residentBytes += child?.residentBytes ?? 0;
    }
    pids = next.flat();
  }
  return sum;
}

/** Each thread lists the children that it has started. */
async function childrenOf(pid: number | 'self'): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}
