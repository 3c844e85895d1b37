import { createHash, verify, X509Certificate } from 'node:crypto';
import { DtlsClient, DtlsServer, RTCDtlsTransport, type DtlsSocket, type RTCCertificate } from 'werift';
import type { SrtpProfile } from '../../rtp/srtp-keys.ts';
import type { Clock } from '../../runtime/clock.ts';
import { within } from '../../runtime/clock.ts';
import type { SrtpSessionKeys } from '../secure-transport.ts';
import type { Fingerprint } from '../sdp.ts';
import { HandshakeRecords } from './dtls-records.ts';

/** RFC 5764 section 4.1.2 and RFC 7714 section 14.2; in our order of preference: AES-CM costs us a third of GCM. */
const PROFILES: Array<{ id: 1 | 7; name: SrtpProfile; keyBytes: number; saltBytes: number }> = [
  { id: 1, name: 'AES_CM_128_HMAC_SHA1_80', keyBytes: 16, saltBytes: 14 },
  { id: 7, name: 'AEAD_AES_128_GCM', keyBytes: 16, saltBytes: 12 },
];
const HANDSHAKE_TIMEOUT_MS = 20_000;
/** A client's whole first flights with post-quantum key shares are a handful of datagrams. */
const MAX_EARLY_DATAGRAMS = 32;

/** The device's DTLS certificate: made once, ahead of the first viewer, and shared by all (as RFC 8827 section 6.5 allows). */
export function prepareCertificate(): Promise<RTCCertificate> {
  return RTCDtlsTransport.SetupCertificate();
}

export function certificateFingerprint(certificate: RTCCertificate): Fingerprint {
  const sha256 = certificate.getFingerprints().find(({ algorithm }) => algorithm === 'sha-256');
  if (!sha256) throw new Error('the DTLS certificate has no SHA-256 fingerprint');
  return { algorithm: sha256.algorithm, value: sha256.value };
}

/**
 * One DTLS 1.2 association over a datagram path (RFC 6347) that yields SRTP keys (RFC 5764). Datagrams that arrive before `handshake`
 * are kept and then executed: a browser's ClientHello often overtakes the end of ICE. What werift leaves open is checked here: the
 * peer's certificate against the signalled fingerprint, and the peer's proof that it holds that certificate's key.
 */
export class DtlsAssociation {
  readonly #certificate: RTCCertificate;
  readonly #send: (datagram: Buffer) => void;
  readonly #onClosed: () => void;
  readonly #early: Buffer[] = [];
  #socket: DtlsSocket | undefined;
  #records: HandshakeRecords | undefined;
  #closed = false;
  #fail: (error: Error) => void = () => {};

  constructor(certificate: RTCCertificate, send: (datagram: Buffer) => void, onClosed: () => void) {
    this.#certificate = certificate;
    this.#send = send;
    this.#onClosed = onClosed;
  }

  receive(datagram: Buffer): void {
    if (this.#closed) return;
    if (this.#records) this.#records.receive(datagram);
    else if (this.#early.length < MAX_EARLY_DATAGRAMS) this.#early.push(datagram);
  }

  /**
   * Resolves with the SRTP keys.
   * @throws Error when the handshake fails, takes too long, or the peer is not who the offer said.
   */
  async handshake(
    role: 'client' | 'server',
    expected: readonly Fingerprint[],
    clock: Clock,
  ): Promise<SrtpSessionKeys> {
    const socket = this.#open(role);
    const connected = new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      socket.onConnect.once(() => resolve());
      socket.onError.once((error) => reject(new Error('DTLS handshake failed', { cause: error })));
      socket.onClose.subscribe(() => {
        reject(new Error('the peer closed DTLS'));
        this.#onClosed();
      });
    });
    for (const datagram of this.#early.splice(0)) this.#records?.receive(datagram);
    if (socket instanceof DtlsClient)
      socket
        .connect()
        .catch((error: unknown) => this.#fail(new Error('DTLS client failed', { cause: error })));
    await within(clock, HANDSHAKE_TIMEOUT_MS, 'no DTLS handshake', connected);
    verifyPeer(socket, expected, role);
    if (this.#records) this.#records.connected = true;
    return extractKeys(socket);
  }

  #open(role: 'client' | 'server'): DtlsSocket {
    const transport = {
      type: 'ice',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: (_data: Buffer, _address: readonly [string, number]): void => {},
      send: (data: Buffer): Promise<void> => {
        this.#send(data);
        return Promise.resolve();
      },
      close: (): Promise<void> => Promise.resolve(),
    };
    const options = {
      cert: this.#certificate.certPem,
      key: this.#certificate.privateKey,
      signatureHash: this.#certificate.signatureHash,
      transport,
      srtpProfiles: PROFILES.map(({ id }) => id),
      extendedMasterSecret: true,
      certificateRequest: true,
    };
    const socket = role === 'server' ? new DtlsServer(options) : new DtlsClient(options);
    this.#socket = socket;
    this.#records = new HandshakeRecords(
      (record) => transport.onData(record, ['', 0]),
      () => socket.cipher.cipher !== undefined,
    );
    return socket;
  }

  /** Ends a handshake that is still under way. */
  close(): void {
    this.#closed = true;
    this.#fail(new Error('closed'));
    this.#socket?.onClose.allUnsubscribe();
  }
}

function extractKeys(socket: DtlsSocket): SrtpSessionKeys {
  const profile = PROFILES.find(({ id }) => id === socket.srtp.srtpProfile);
  if (!profile) throw new Error('DTLS agreed on no SRTP profile');
  const { localKey, localSalt, remoteKey, remoteSalt } = socket.extractSessionKeys(
    profile.keyBytes,
    profile.saltBytes,
  );
  return {
    local: { profile: profile.name, masterKey: localKey, masterSalt: localSalt },
    remote: { profile: profile.name, masterKey: remoteKey, masterSalt: remoteSalt },
  };
}

const HASHES: Record<string, string> = {
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
};
const CERTIFICATE_VERIFY = 15;

/** RFC 8122 section 6.2 (fingerprint) and RFC 5246 section 7.4.8 (certificate verify, when the peer is the client). */
function verifyPeer(socket: DtlsSocket, expected: readonly Fingerprint[], role: 'client' | 'server'): void {
  const der = socket.remoteCertificate;
  if (!der) throw new Error('the peer sent no DTLS certificate');
  const matches = expected.some(({ algorithm, value }) => {
    const hash = HASHES[algorithm];
    return (
      hash !== undefined &&
      createHash(hash).update(der).digest('hex').toUpperCase() === value.replaceAll(':', '')
    );
  });
  if (!matches) throw new Error("the peer's DTLS certificate does not match the fingerprint in its offer");
  if (role === 'server') verifyCertificateKey(socket, der);
}

function verifyCertificateKey(socket: DtlsSocket, der: Buffer): void {
  const transcript = socket.dtls.sortedHandshakeCache;
  const index = transcript.findIndex(({ msg_type }) => msg_type === CERTIFICATE_VERIFY);
  const message = transcript[index]?.fragment;
  if (!message || message.length < 4)
    throw new Error('the peer did not prove that it holds its DTLS certificate');
  // struct { SignatureAndHashAlgorithm; opaque signature<0..2^16-1> }; 0x0403, 0x0503 … are (hash, signature).
  const hash = ['', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'][message.readUInt8(0)] ?? '';
  const signature = message.subarray(4, 4 + message.readUInt16BE(2));
  const signed = Buffer.concat(transcript.slice(0, index).map((handshake) => handshake.serialize()));
  if (!verify(hash, signed, new X509Certificate(der).publicKey, signature)) {
    throw new Error("the peer's proof for its DTLS certificate is wrong");
  }
}
