import { createHash, createHmac, timingSafeEqual, type Hash, type Hmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { cloudNow, type CloudContext } from './context.ts';
import type { StoredCredentials } from './credentials-store.ts';
import { ServiceError } from './service-error.ts';

const SERVICE = 'kinesisvideo';
const ALGORITHM = 'AWS4-HMAC-SHA256';
const CLOCK_TOLERANCE_MS = 300_000;
const MAX_EXPIRES_SECONDS = 604_800;

export interface SignedRequest {
  method: string;
  /** Path and query as they came. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface Claim {
  accessKeyId: string;
  /** `20260102T030405Z` */
  date: string;
  signedHeaders: string[];
  signature: string;
  sessionToken: string | undefined;
}

/**
 * Signature Version 4 in the Authorization header: recomputed with AWS's own signer. Throws a 403.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
 */
export async function verifySignedRequest(request: SignedRequest, context: CloudContext): Promise<void> {
  const claim = headerClaim(request.headers);
  if (!claim.signedHeaders.includes('host')) throw denied('Signed headers lack host');
  if (claim.sessionToken && !claim.signedHeaders.includes('x-amz-security-token')) {
    throw denied('Signed headers lack x-amz-security-token');
  }
  const contentHash = request.headers['x-amz-content-sha256'];
  if (contentHash !== undefined && contentHash !== sha256Hex(request.body)) {
    throw denied('The provided x-amz-content-sha256 does not match the payload');
  }
  const credentials = checkClaim(claim, context);
  const { path, query } = splitUrl(request.url);
  const headers = Object.fromEntries(
    claim.signedHeaders.map((name) => [name, String(request.headers[name] ?? '')]),
  );
  const signed = await signer(credentials, context).sign(
    { method: request.method, protocol: 'https:', hostname: '', path, query, headers, body: request.body },
    { signingDate: parseDate(claim.date), signableHeaders: new Set(claim.signedHeaders) },
  );
  compare(claim.signature, headerClaim(signed.headers).signature);
}

/** A presigned WebSocket URL: only `host` signed, an empty payload, the token inside the signature. Throws a 403. */
export async function verifyPresignedUrl(
  request: Pick<SignedRequest, 'url' | 'headers'>,
  context: CloudContext,
): Promise<void> {
  const { path, query } = splitUrl(request.url);
  const claim = queryClaim(query);
  if (claim.signedHeaders.join() !== 'host') throw denied('X-Amz-SignedHeaders must be host');
  const expiresIn = Number(single(query, 'X-Amz-Expires'));
  if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRES_SECONDS) {
    throw denied('X-Amz-Expires is not valid');
  }
  const credentials = checkClaim(claim, context, expiresIn * 1000);
  const rest = Object.fromEntries(Object.entries(query).filter(([name]) => !SIGNER_PARAMETERS.has(name)));
  const signed = await signer(credentials, context).presign(
    {
      method: 'GET',
      protocol: 'wss:',
      hostname: '',
      path,
      query: rest,
      headers: { host: request.headers.host ?? '' },
    },
    { signingDate: parseDate(claim.date), expiresIn },
  );
  compare(claim.signature, String(signed.query?.['X-Amz-Signature']));
}

const SIGNER_PARAMETERS = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
]);

/** Key, token, scope and dates; the signature itself comes after. */
function checkClaim(claim: Claim, context: CloudContext, expiresInMs?: number): StoredCredentials {
  const [accessKeyId = '', day, region, service, end] = claim.accessKeyId.split('/');
  const now = cloudNow(context);
  const signedAt = parseDate(claim.date).getTime();
  // A presigned URL says itself how long it lasts. (Written so that an invalid date is refused, too.)
  const lastsMs = expiresInMs ?? CLOCK_TOLERANCE_MS;
  if (!(now >= signedAt - CLOCK_TOLERANCE_MS && now < signedAt + lastsMs)) {
    throw denied(`Signature expired or not yet current: signed at ${claim.date}`);
  }
  const expected = [claim.date.slice(0, 8), context.region, SERVICE, 'aws4_request'];
  if ([day, region, service, end].join('/') !== expected.join('/')) {
    throw denied(`Credential should be scoped to ${expected.slice(1).join('/')} and the day of the date`);
  }
  const credentials = context.credentials.find(accessKeyId);
  if (!credentials || claim.sessionToken !== credentials.sessionToken) {
    throw new ServiceError(
      403,
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    );
  }
  if (credentials.expiresAt !== undefined && now >= credentials.expiresAt) {
    throw new ServiceError(
      403,
      'ExpiredTokenException',
      'The security token included in the request is expired',
    );
  }
  return credentials;
}

function headerClaim(headers: IncomingHttpHeaders | Record<string, string>): Claim {
  const authorization = headers['authorization'];
  if (!authorization)
    throw new ServiceError(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!match)
    throw new ServiceError(403, 'IncompleteSignatureException', 'The Authorization header is malformed');
  const [, accessKeyId = '', signedHeaders = '', signature = ''] = match;
  return {
    accessKeyId,
    signature,
    signedHeaders: signedHeaders.split(';'),
    date: String(headers['x-amz-date'] ?? ''),
    sessionToken: optional(headers['x-amz-security-token']),
  };
}

type Query = Record<string, string | string[]>;

function queryClaim(query: Query): Claim {
  if (single(query, 'X-Amz-Algorithm') !== ALGORITHM) {
    throw new ServiceError(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  return {
    accessKeyId: single(query, 'X-Amz-Credential'),
    date: single(query, 'X-Amz-Date'),
    signedHeaders: single(query, 'X-Amz-SignedHeaders').split(';'),
    signature: single(query, 'X-Amz-Signature'),
    sessionToken: single(query, 'X-Amz-Security-Token') || undefined,
  };
}

function splitUrl(url: string): { path: string; query: Query } {
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  const query: Query = {};
  for (const name of searchParams.keys()) {
    const values = searchParams.getAll(name);
    query[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return { path: pathname, query };
}

function single(query: Query, name: string): string {
  const value = query[name];
  return typeof value === 'string' ? value : '';
}

function optional(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An Invalid Date where the text is none. */
function parseDate(text: string): Date {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return new Date(iso === text ? NaN : iso);
}

function denied(message: string): ServiceError {
  return new ServiceError(403, 'InvalidSignatureException', message);
}

function compare(given: string, expected: string): void {
  const equal =
    given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
  if (!equal) {
    throw denied('The request signature we calculated does not match the signature you provided.');
  }
}

function sha256Hex(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function signer(credentials: StoredCredentials, { region }: CloudContext): SignatureV4 {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return new SignatureV4({
    service: SERVICE,
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    sha256: Sha256,
    applyChecksum: false,
  });
}

/** SHA-256, or its HMAC where a key is given, in the shape that the signer asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    if (secret === undefined) this.#hash = createHash('sha256');
    else this.#hash = createHmac('sha256', typeof secret === 'string' ? secret : bytes(secret));
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytes(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}
