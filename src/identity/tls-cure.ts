const REFUSED = 'it hung up: is the device certificate registered and active in this account and region?';

/** By the error codes of Node and OpenSSL. */
const CURES: Record<string, string> = {
  ENOTFOUND: 'the name cannot be resolved: check credentials.endpoint and DNS',
  EAI_AGAIN: 'the name cannot be resolved now: is the network up?',
  ECONNREFUSED: 'nothing listens there: check credentials.endpoint',
  SELF_SIGNED_CERT_IN_CHAIN: 'its CA is not trusted: check device.rootCaPath',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its CA is not trusted: check device.rootCaPath',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its CA is not trusted: check device.rootCaPath',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its CA is not trusted: check device.rootCaPath',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: check credentials.endpoint',
  ERR_SSL_NO_START_LINE: 'the file of device.rootCaPath holds no PEM certificate',
  ERR_SSL_PEM_NO_START_LINE: 'the file of device.rootCaPath holds no PEM certificate',
  ECONNRESET: REFUSED,
  EPIPE: REFUSED,
};

/** What to do about a failed connection, as the end of a sentence; empty where nothing is known. */
export function tlsCure(error: unknown, nowMs: number): string {
  const code = errorCode(error);
  if (code === undefined) return '';
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return `: its certificate ${when} by this device's clock, ${new Date(nowMs).toISOString()}: is the clock right?`;
  }
  // An alert from the other side, e.g. ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: it does not want our certificate.
  const cure = CURES[code] ?? (/^ERR_SSL_.*ALERT/.test(code) ? REFUSED : undefined);
  return cure === undefined ? '' : `: ${cure}`;
}

function errorCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return undefined;
}
