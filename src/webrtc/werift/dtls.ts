import {
  CipherContext,
  DtlsClient,
  DtlsServer,
  HashAlgorithm,
  NamedCurveAlgorithm,
  RTCCertificate,
  SignatureAlgorithm,
  type DtlsSocket,
} from 'werift';
import type { SrtpProfile } from '../../rtp/srtp-keys.ts';
import type { Clock } from '../../runtime/clock.ts';
import { within } from '../../runtime/clock.ts';
import type { SrtpSessionKeys } from '../secure-transport.ts';
import { TokenBucket } from '../../runtime/token-bucket.ts';
import type { Fingerprint } from '../sdp.ts';
import { answerFirstHello } from './dtls-direct-hello.ts';
import { DtlsFlight } from './dtls-flight.ts';
import { verifyPeer } from './dtls-identity.ts';
import { HandshakeRecords } from './dtls-records.ts';

export type DtlsCertificate = RTCCertificate;

/** RFC 5764 section 4.1.2 and RFC 7714 section 14.2; in our order of preference: AES-CM costs us a third of GCM. */
const PROFILES: Array<{ id: 1 | 7; name: SrtpProfile; keyBytes: number; saltBytes: number }> = [
  { id: 1, name: 'AES_CM_128_HMAC_SHA1_80', keyBytes: 16, saltBytes: 14 },
  { id: 7, name: 'AEAD_AES_128_GCM', keyBytes: 16, saltBytes: 12 },
];
const HANDSHAKE_TIMEOUT_MS = 20_000;
/** A client's whole first flights with post-quantum key shares are a handful of datagrams. */
const MAX_EARLY_DATAGRAMS = 32;
/** Beyond every number that the handshake used: werift begins anew, and a GCM nonce must not be used twice. */
const FIRST_RECORD_NUMBER = 1_000;
/** Ends werift's own loops of repetition. */
const FLIGHT_OVER = 99;
const ALERT = 21;
const APPLICATION_DATA = 23;
/** Records of data channels that are read: more than a viewer sends that heeds SCTP's window (its data, and its answers to ours). */
const DATA_RECORDS = { burst: 4_000, perSecond: 8_000 };
const CLOSE_NOTIFY = Buffer.from([1, 0]);

/** The device's DTLS certificate: made once, ahead of the first viewer, and shared by all (as RFC 8827 section 6.5 allows). */
export async function prepareCertificate(): Promise<DtlsCertificate> {
  const algorithm = { signature: SignatureAlgorithm.ecdsa_3, hash: HashAlgorithm.sha256_4 };
  const { certPem, keyPem, signatureHash } = await CipherContext.createSelfSignedCertificateWithKey(
    algorithm,
    NamedCurveAlgorithm.secp256r1_23,
  );
  return new RTCCertificate(keyPem, certPem, signatureHash);
}

export function certificateFingerprint(certificate: DtlsCertificate): Fingerprint {
  const sha256 = certificate.getFingerprints().find(({ algorithm }) => algorithm === 'sha-256');
  if (!sha256) throw new Error('the DTLS certificate has no SHA-256 fingerprint');
  return { algorithm: sha256.algorithm, value: sha256.value };
}

/**
 * One DTLS 1.2 association over a datagram path (RFC 6347) that yields SRTP keys (RFC 5764). Datagrams that arrive before `handshake`
 * are kept and then executed: a browser's ClientHello often overtakes the end of ICE. werift makes the messages; what comes in is
 * ordered by `HandshakeRecords`, what goes out is packed and repeated by `DtlsFlight`, who the peer is is checked by `verifyPeer`.
 */
export class DtlsAssociation {
  readonly #certificate: DtlsCertificate;
  readonly #send: (datagram: Buffer) => void;
  readonly #onClosed: () => void;
  readonly #onData: (data: Buffer) => void;
  #dataLimit: TokenBucket | undefined;
  readonly #preferGcm: boolean;
  readonly #early: Buffer[] = [];
  #socket: DtlsSocket | undefined;
  #records: HandshakeRecords | undefined;
  #flight: DtlsFlight | undefined;
  #closed = false;
  #fail: (error: Error) => void = () => {};

  /**
   * @param onClosed The peer said that it is over.
   * @param preferGcm AEAD_AES_128_GCM before AES-CM, where the peer has both.
   * @param onData What a peer that has proven who it is sends as application data.
   */
  constructor(
    certificate: DtlsCertificate,
    send: (datagram: Buffer) => void,
    onClosed: () => void,
    preferGcm = false,
    onData: (data: Buffer) => void = () => {},
  ) {
    this.#onData = onData;
    this.#preferGcm = preferGcm;
    this.#certificate = certificate;
    this.#send = send;
    this.#onClosed = onClosed;
  }

  receive(datagram: Buffer): void {
    if (this.#closed) return;
    if (datagram[0] === APPLICATION_DATA && this.#dataLimit?.take() === false) return;
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
    if (this.#closed) throw new Error('closed');
    const socket = this.#open(role, clock);
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
    await within(clock, HANDSHAKE_TIMEOUT_MS, 'no DTLS handshake', connected).finally(() =>
      this.#flight?.stop(),
    );
    verifyPeer(socket, expected, role);
    if (this.#records) this.#records.connected = true;
    this.#dataLimit = new TokenBucket(DATA_RECORDS, clock);
    socket.onData.subscribe((data) => this.#onData(data));
    socket.dtls.recordSequenceNumber = FIRST_RECORD_NUMBER;
    return extractKeys(socket);
  }

  /** Application data of one record; lost before the handshake is over. */
  sendData(data: Buffer): void {
    if (this.#socket && this.#records?.connected && !this.#closed)
      this.#send(writeRecord(this.#socket, APPLICATION_DATA, data));
  }

  #open(role: 'client' | 'server', clock: Clock): DtlsSocket {
    const flight = new DtlsFlight(this.#send, clock);
    let muted = false;
    const transport = {
      type: 'ice',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: (_data: Buffer, _address: readonly [string, number]): void => {},
      send: (data: Buffer): Promise<void> => {
        if (this.#records?.connected) this.#send(data);
        else if (!muted) flight.add(data);
        return Promise.resolve();
      },
      close: (): Promise<void> => Promise.resolve(),
    };
    const options = {
      cert: this.#certificate.certPem,
      key: this.#certificate.privateKey,
      signatureHash: this.#certificate.signatureHash,
      transport,
      srtpProfiles: (this.#preferGcm ? PROFILES.toReversed() : PROFILES).map(({ id }) => id),
      extendedMasterSecret: true,
      certificateRequest: true,
    };
    const socket = role === 'server' ? new DtlsServer(options) : new DtlsClient(options);
    if (socket instanceof DtlsServer)
      answerFirstHello(socket, (send) => {
        muted = true;
        send();
        muted = false;
      });
    this.#socket = socket;
    this.#flight = flight;
    this.#records = new HandshakeRecords(
      (record) => {
        flight.answered();
        transport.onData(record, ['', 0]);
      },
      () => socket.cipher.cipher !== undefined,
      () => flight.repeat(),
    );
    return socket;
  }

  /** Tells the peer (RFC 5246 section 7.2.1) where there is a connection, and ends a handshake that is still under way. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fail(new Error('closed'));
    this.#flight?.stop();
    const socket = this.#socket;
    if (!socket) return;
    if (this.#records?.connected) this.#send(writeRecord(socket, ALERT, CLOSE_NOTIFY));
    socket.onClose.allUnsubscribe();
    socket.dtls.flight = FLIGHT_OVER;
  }
}

/** One encrypted record (RFC 6347 section 4.1), without the promises that werift's own way makes of it. */
function writeRecord({ dtls, cipher, sessionType }: DtlsSocket, type: number, data: Buffer): Buffer {
  const sequenceNumber = ++dtls.recordSequenceNumber;
  const { epoch, version } = dtls;
  const header = Buffer.alloc(13);
  header.writeUInt8(type, 0);
  header.writeUInt8(version.major, 1);
  header.writeUInt8(version.minor, 2);
  header.writeUInt16BE(epoch, 3);
  header.writeUIntBE(sequenceNumber, 5, 6);
  const protocol = (version.major << 8) | version.minor;
  const associated = { type, version: protocol, epoch, sequenceNumber };
  const body = cipher.cipher.encrypt(sessionType, data, associated);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
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
