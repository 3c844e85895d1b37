import { createHash, createHmac } from 'node:crypto';

/**
 * AWS Signature Version 4, as far as presigned URLs need it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

export interface SigningCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** What a signature is good for. */
export interface SigningScope {
  region: string;
  service: string;
  date: Date;
}

export interface SignableRequest {
  method: string;
  /** Absolute path as it goes over the wire. */
  path: string;
  /** Names and values before any encoding. */
  query: readonly (readonly [string, string])[];
  /** The headers to be signed, names in lower case; always `host`. */
  headers: Readonly<Record<string, string>>;
  /** Lower-case hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  payloadHash: string;
}

export const ALGORITHM = 'AWS4-HMAC-SHA256';
/** SHA-256 of nothing. */
export const EMPTY_PAYLOAD_HASH = sha256Hex('');

/**
 * The whole query string (without `?`) that authenticates `request` for `expiresSeconds`. The session token is part
 * of what is signed.
 */
export function presignQuery(
  request: SignableRequest,
  credentials: SigningCredentials,
  scope: SigningScope,
  expiresSeconds: number,
): string {
  const query: (readonly [string, string])[] = [
    ...request.query,
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scopeText(scope)}`],
    ['X-Amz-Date', timestamp(scope.date)],
    ['X-Amz-Expires', String(expiresSeconds)],
    ['X-Amz-SignedHeaders', signedHeaders(request)],
  ];
  if (credentials.sessionToken) query.push(['X-Amz-Security-Token', credentials.sessionToken]);
  const signed = { ...request, query };
  return `${canonicalQuery(query)}&X-Amz-Signature=${sign(signed, credentials, scope)}`;
}

/** The signature, 64 lower-case hex digits, of a request that already carries its other `X-Amz-` members. */
export function sign(request: SignableRequest, credentials: SigningCredentials, scope: SigningScope): string {
  const stringToSign = [
    ALGORITHM,
    timestamp(scope.date),
    scopeText(scope),
    sha256Hex(canonicalRequest(request)),
  ].join('\n');
  return hmac(signingKey(credentials.secretAccessKey, scope), stringToSign).toString('hex');
}

export function signingKey(secretAccessKey: string, { date, region, service }: SigningScope): Buffer {
  const dateKey = hmac(`AWS4${secretAccessKey}`, timestamp(date).slice(0, 8));
  return hmac(hmac(hmac(dateKey, region), service), 'aws4_request');
}

/** ISO 8601 basic format, e.g. `20150830T123600Z`. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function scopeText({ date, region, service }: SigningScope): string {
  return `${timestamp(date).slice(0, 8)}/${region}/${service}/aws4_request`;
}

function canonicalRequest(request: SignableRequest): string {
  const headers = headerNames(request).map((name) => {
    const value = (request.headers[name] ?? '').trim().replace(/ +/g, ' ');
    return `${name}:${value}\n`;
  });
  return [
    request.method,
    request.path.split('/').map(encode).join('/'),
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders(request),
    request.payloadHash,
  ].join('\n');
}

function canonicalQuery(query: SignableRequest['query']): string {
  return query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function headerNames(request: SignableRequest): string[] {
  return Object.keys(request.headers).toSorted(compare);
}

function signedHeaders(request: SignableRequest): string {
  return headerNames(request).join(';');
}

/** By code unit: a locale's order would sort otherwise. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** RFC 3986: everything but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256Hex(data: string): string {
  return createHash('sha256').update(data).digest('hex');
}
