/** Why a viewer's session ended: exactly one for each, in the log and in the counters. `displaced`: silent, it gave its place to another; `time-limit`, `barred`: sent away. */
export type SessionEnd =
  | 'closed-by-viewer'
  | 'consent-expired'
  | 'connect-failed'
  | 'displaced'
  | 'replaced'
  | 'stopped'
  | 'time-limit'
  | 'barred';
