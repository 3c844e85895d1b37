import { createHash, verify, X509Certificate } from 'node:crypto';
import type { DtlsSocket } from 'werift';
import type { Fingerprint } from '../sdp.ts';

/** RFC 8122 section 5, without the broken ones. */
const FINGERPRINT_HASHES: Record<string, string> = {
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
};
/** RFC 5246 section 7.4.1.4.1, HashAlgorithm. */
const SIGNATURE_HASHES = ['', '', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_VERIFY = 15;

/**
 * What werift leaves open: is the peer's certificate the one in its offer (RFC 8122 section 6.2), and does the peer hold its key? A
 * client proves it with CertificateVerify (RFC 5246 section 7.4.8), a server with the signature of its key exchange (RFC 8422
 * section 5.4).
 * @throws Error when not.
 */
export function verifyPeer(
  socket: DtlsSocket,
  expected: readonly Fingerprint[],
  ourRole: 'client' | 'server',
): void {
  const der = socket.remoteCertificate;
  if (!der) throw new Error('the peer sent no DTLS certificate');
  if (!expected.some((fingerprint) => isOf(der, fingerprint)))
    throw new Error("the peer's DTLS certificate does not match the fingerprint in its offer");
  const isProven =
    ourRole === 'server' ? hasSignedTranscript(socket, der) : hasSignedKeyExchange(socket, der);
  if (!isProven) throw new Error('the peer did not prove that it holds the key of its DTLS certificate');
}

function isOf(der: Buffer, { algorithm, value }: Fingerprint): boolean {
  const hash = FINGERPRINT_HASHES[algorithm];
  if (hash === undefined) return false;
  return createHash(hash).update(der).digest('hex').toUpperCase() === value.replaceAll(':', '');
}

function hasSignedTranscript({ dtls }: DtlsSocket, der: Buffer): boolean {
  const transcript = dtls.sortedHandshakeCache;
  const index = transcript.findIndex(({ msg_type }) => msg_type === CERTIFICATE_VERIFY);
  const message = transcript[index]?.fragment;
  if (!message) return false;
  const signed = Buffer.concat(transcript.slice(0, index).map((handshake) => handshake.serialize()));
  return isSigned(signed, message, der);
}

function hasSignedKeyExchange({ dtls, cipher }: DtlsSocket, der: Buffer): boolean {
  const message = dtls.sortedHandshakeCache.find(
    ({ msg_type }) => msg_type === SERVER_KEY_EXCHANGE,
  )?.fragment;
  if (!message || message.length < 4) return false;
  // struct { ECParameters curve_params; ECPoint public; }, then the signature.
  const end = 4 + message.readUInt8(3);
  if (end > message.length) return false;
  const randoms = [cipher.localRandom.serialize(), cipher.remoteRandom.serialize()];
  return isSigned(Buffer.concat([...randoms, message.subarray(0, end)]), message.subarray(end), der);
}

/** @param signature struct { HashAlgorithm; SignatureAlgorithm; opaque signature<0..2^16-1> } */
function isSigned(data: Buffer, signature: Buffer, der: Buffer): boolean {
  if (signature.length < 4) return false;
  const hash = SIGNATURE_HASHES[signature.readUInt8(0)] ?? '';
  if (hash === '') return false;
  const value = signature.subarray(4, 4 + signature.readUInt16BE(2));
  return verify(hash, data, new X509Certificate(der).publicKey, value);
}
