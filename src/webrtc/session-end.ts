/** Why a viewer's session ended: exactly one for each, in the log and in the counters. */
export type SessionEnd = 'closed-by-viewer' | 'consent-expired' | 'connect-failed' | 'replaced' | 'stopped';
