import type { Channels } from './channels.ts';
import type { CredentialsStore } from './credentials-store.ts';
import type { EventLog } from './event-log.ts';
import type { Faults, Limits } from './faults.ts';
import type { Streams } from './streams.ts';

/** What the services of one cloud share. */
export interface CloudContext {
  region: string;
  limits: Limits;
  faults: Faults;
  events: EventLog;
  credentials: CredentialsStore;
  channels: Channels;
  streams: Streams;
}

/** The cloud's clock, epoch milliseconds. */
export function cloudNow({ limits }: CloudContext): number {
  return Date.now() + limits.clockOffsetMs;
}
