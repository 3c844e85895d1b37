import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes that `parent` started, by the name of their program. */
export function childrenOf(parent: number, program: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    // `pid (program) state parent …`; the name may hold spaces.
    const [, name, ppid] = /^\d+ \((.*)\) \S+ (\d+) /s.exec(read(`/proc/${pid}/stat`)) ?? [];
    return name === program && Number(ppid) === parent;
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
