import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** What proc(5) tells of a process. */
interface Stat {
  program: string;
  parent: number;
  /** Processor time, user and system. */
  cpuMs: number;
  /** The same of its children that have ended. */
  endedChildrenCpuMs: number;
}

/** Processor time and memory of a program and of those that it started. */
export interface Usage {
  cpuMs: number;
  /** Of the programs that it started, also of those that have ended. */
  childrenCpuMs: number;
  /** Resident, in 10⁶ bytes, without the programs that it started. */
  memoryMb: number;
}

/** Processes that `parent` started, by the name of their program. */
export function childrenOf(parent: number, program: string): number[] {
  return stats().flatMap(([pid, stat]) => (stat.program === program && stat.parent === parent ? [pid] : []));
}

/** Zeros where the process is gone. */
export function usageOf(pid: number): Usage {
  const all = stats();
  const own = all.find(([each]) => each === pid)?.[1];
  const children = all.filter(([, { parent }]) => parent === pid);
  const running = children.reduce((sum, [, { cpuMs }]) => sum + cpuMs, 0);
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '0';
  return {
    cpuMs: own?.cpuMs ?? 0,
    childrenCpuMs: running + (own?.endedChildrenCpuMs ?? 0),
    memoryMb: (Number(kilobytes) * 1024) / 1e6,
  };
}

/** Of every process. */
function stats(): [pid: number, stat: Stat][] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid): [number, Stat][] => {
    const text = read(`/proc/${pid}/stat`);
    // `pid (program) state parent …`; the name may hold anything.
    const end = text.lastIndexOf(')');
    const fields = text
      .slice(end + 2)
      .split(' ')
      .map(Number);
    const [, parent] = fields;
    if (parent === undefined) return [];
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
    const stat = {
      program: text.slice(text.indexOf('(') + 1, end),
      parent,
      cpuMs: (user + system) * MS_PER_TICK,
      endedChildrenCpuMs: (endedUser + endedSystem) * MS_PER_TICK,
    };
    return [[Number(pid), stat]];
  });
}

/** Local UDP ports that a process has open. */
export function udpPortsOf(pid: number): number[] {
  const own = new Set(socketsOf(pid));
  const rows = ['udp', 'udp6'].flatMap((table) => read(`/proc/${pid}/net/${table}`).split('\n').slice(1));
  const ports = rows.flatMap((row) => {
    const fields = row.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16);
    return own.has(fields[9] ?? '') && port > 0 ? [port] : [];
  });
  return [...new Set(ports)];
}

/** Inodes of a process's open sockets. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** Empty where the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
