/** What a caller can do about it. */
export type ServiceFault =
  /** 401/403: credentials, permissions or clock. */
  | 'denied'
  /** 404: no such channel. */
  | 'not-found'
  /** 400: the request, so perhaps a cached ARN or endpoint, is wrong. */
  | 'invalid'
  /** 429 and the like: too many requests. */
  | 'throttled'
  /** 5xx, network, TLS, time-outs. */
  | 'unavailable';

export interface ServiceRefusal {
  /** HTTP status; absent when there was no answer at all. */
  statusCode?: number | undefined;
  /** AWS error name, e.g. `AccessDeniedException`. */
  errorType?: string | undefined;
  /** The service's own words; made safe here. */
  message?: string | undefined;
  /** Value of Retry-After: seconds or a date. */
  retryAfter?: string | undefined;
}

/** A call to the service, or a WebSocket upgrade, that failed. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly fault: ServiceFault;
  /** How long the service asks to wait; 0: it did not say. */
  readonly retryAfterMs: number;

  constructor(what: string, refusal: ServiceRefusal, hint: string, cause?: unknown) {
    const parts = [refusal.statusCode, refusal.errorType, safeText(refusal.message ?? '')].filter(Boolean);
    super(
      `${what}${parts.length > 0 ? `: ${parts.join(' ')}` : ''}${hint === '' ? '' : ` (${hint})`}`,
      cause === undefined ? undefined : { cause },
    );
    this.fault = faultOf(refusal);
    this.retryAfterMs = retryAfterMs(refusal.retryAfter);
  }
}

function faultOf({ statusCode, errorType = '' }: ServiceRefusal): ServiceFault {
  if (statusCode === 429 || /throttl|limitexceeded|toomanyrequests/i.test(errorType)) return 'throttled';
  if (/accessdenied|notauthorized|expiredtoken|signature|unrecognizedclient|invalidclient/i.test(errorType)) {
    return 'denied';
  }
  if (statusCode === 401 || statusCode === 403) return 'denied';
  if (statusCode === 404) return 'not-found';
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return 'invalid';
  return 'unavailable';
}

const MAX_RETRY_AFTER_MS = 300_000;

function retryAfterMs(header: string | undefined): number {
  if (header === undefined) return 0;
  const seconds = Number(header);
  // A date is of no use where the clocks differ: only the seconds form is honoured.
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
}

/**
 * A service's message without what must never be logged: on a wrong signature AWS answers with the canonical
 * request, which holds the session token.
 */
export function safeText(message: string): string {
  return message
    .split(/[\r\n]|canonical string|string-to-sign/i, 1)
    .join('')
    .replace(/\b(X-Amz-[\w-]+|Signature|Credential)[=:][^&\s,]+/gi, '$1=…')
    .trim()
    .slice(0, 200);
}

const CERTIFICATE_DATE_CODES = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']);

/**
 * What the operator can do, as a phrase for the error's end. A clock at 1970 (no battery, no NTP yet) shows as a
 * certificate that is not valid yet, before any Date header was seen.
 */
export function clockHint(deviceNowMs: number, offsetMs: number, cause?: unknown): string {
  const device = new Date(deviceNowMs).toISOString();
  if (offsetMs !== 0) {
    const seconds = Math.round(Math.abs(offsetMs) / 1000);
    return `the device clock, ${device}, is ${seconds} s ${offsetMs > 0 ? 'behind' : 'ahead of'} the service; corrected for signing`;
  }
  if (CERTIFICATE_DATE_CODES.has(errorCode(cause))) {
    return `is the device clock right? it says ${device}; TLS cannot work until it is`;
  }
  return '';
}

/** Node's code of a system or TLS error, e.g. `ECONNREFUSED`; empty when there is none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
