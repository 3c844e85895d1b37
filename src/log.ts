import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/**
 * Structured logging. Levels: info = a state changed, warn = a fault recovered from, error = a capability lost.
 * Details never hold credentials, presigned URLs, TURN passwords or camera URLs with passwords.
 */
export interface Log {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  child(bindings: object): Log;
}

/** Says nothing. */
export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

export interface RootLog extends Log {
  level: string;
}

/** JSON lines on standard output (pino); children follow a later change of the root's level. */
export function createLog(level: LogLevel): RootLog {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
