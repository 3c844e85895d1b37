/** The text of an unknown thrown value, with its causes, safe for logs and status reports. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${errorText(error.cause)}`;
  return (error.message || eachText(error) || error.name) + cause;
}

/** Node says nothing itself where each of several addresses failed (`net.connect`). */
function eachText(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(errorText).join(', ') : '';
}

/** Start-up cannot go on and a restart would not help: bad local configuration or identity. Exit code 1. */
export class FatalStartupError extends Error {
  override readonly name = 'FatalStartupError';
}
