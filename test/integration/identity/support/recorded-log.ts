import type { Log } from '../../../../src/log.ts';

export interface RecordedLine {
  level: string;
  details: Record<string, unknown>;
  message: string;
}

/** A log that keeps what it is told. */
export function recordedLog(): { log: Log; lines: RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const at = (level: string) => (details: object, message: string) => {
    lines.push({ level, details: { ...details }, message });
  };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return { log, lines };
}
