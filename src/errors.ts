/** The text of an unknown thrown value, with its causes, safe for logs and status reports. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${errorText(error.cause)}`;
  const text = error.message || error.name;
  return text + cause;
}

/** Start-up cannot go on and a restart would not help: bad local configuration or identity. Exit code 1. */
export class FatalStartupError extends Error {
  override readonly name = 'FatalStartupError';
}
