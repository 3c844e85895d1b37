import {
  RTCPeerConnection,
  RTCRtpCodecParameters,
  useNACK,
  usePLI,
  useSdesMid,
  useTransportWideCC,
  useTWCC,
} from 'werift';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import { deriveSessionKeys, type SrtpKeys, type SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { iceInternals } from '../../support/werift-internals.ts';
import { PacketCounter, type SourceCounts } from './packet-counter.ts';

export interface LightViewerOptions {
  video?: 'h264' | 'h265' | 'vp8';
  transportCc?: boolean;
  /** Offers only this SRTP profile; default: both. The other end chooses. */
  profile?: SrtpProfile;
}

/** Chrome's cadence: feedback at its shortest interval, where the bandwidth allows it, and a report a second. */
const FEEDBACK_INTERVAL_MS = 50;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const REPORT_INTERVAL_MS = 1000;
const TRANSPORT_CC = /^a=extmap:(\d+) .*transport-wide-cc/m;
const MIME_TYPE = { h264: 'video/H264', h265: 'video/H265', vp8: 'video/VP8' } as const;
const PROFILE_ID = { AES_CM_128_HMAC_SHA1_80: 1, AEAD_AES_128_GCM: 7 } as const;

/**
 * A real WebRTC peer that is cheap: ICE, DTLS and SDP are werift's, but media packets are taken from the socket and
 * only counted by their headers, which SRTP leaves in the clear. It reports as a browser does.
 */
export class LightViewer {
  /** Every SRTP packet as it came, with its extended sequence number. */
  onPacket: ((packet: Buffer, index: number) => void) | undefined;
  /** Plain compound packets, e.g. sender reports. */
  onRtcp: ((packet: Buffer) => void) | undefined;
  /** Keys of what the sender encrypts; set once connected. */
  senderKeys: SrtpKeys | undefined;
  readonly #peer: RTCPeerConnection;
  #counter = new PacketCounter(0);
  #srtcpOut: SrtcpContext | undefined;
  #srtcpIn: SrtcpContext | undefined;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: LightViewerOptions = {}) {
    const { video = 'h264', transportCc = true, profile } = options;
    const feedback = [useNACK(), usePLI(), ...(transportCc ? [useTWCC()] : [])];
    const extensions = [useSdesMid(), ...(transportCc ? [useTransportWideCC()] : [])];
    this.#peer = new RTCPeerConnection({
      iceServers: [],
      bundlePolicy: 'max-bundle',
      codecs: {
        video: [
          new RTCRtpCodecParameters({
            mimeType: MIME_TYPE[video],
            clockRate: 90_000,
            rtcpFeedback: feedback,
            ...(video === 'h264' && {
              parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
            }),
          }),
          new RTCRtpCodecParameters({ mimeType: 'video/rtx', clockRate: 90_000 }),
        ],
        audio: [
          new RTCRtpCodecParameters({
            mimeType: 'audio/OPUS',
            clockRate: 48_000,
            channels: 2,
            rtcpFeedback: transportCc ? [useTWCC()] : [],
          }),
        ],
      },
      headerExtensions: { video: extensions, audio: extensions },
    });
    this.#peer.addTransceiver('video', { direction: 'recvonly' });
    this.#peer.addTransceiver('audio', { direction: 'recvonly' });
    if (profile) restrictProfiles(this.#peer, PROFILE_ID[profile]);
  }

  /** The offer, with all candidates. */
  async offer(): Promise<string> {
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    return this.#peer.localDescription?.sdp ?? '';
  }

  /** Resolves when DTLS is connected. */
  async accept(answer: string): Promise<void> {
    const connected = new Promise<void>((resolve, reject) => {
      this.#peer.connectionStateChange.subscribe((state) => {
        if (state === 'connected') resolve();
        else if (state === 'failed' || state === 'closed')
          reject(new Error(`the viewer's connection ${state}`));
      });
    });
    this.#counter = new PacketCounter(Number(TRANSPORT_CC.exec(answer)?.[1] ?? 0));
    this.#takeMedia();
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer });
    await connected;
    this.#prepareKeys();
    this.#timers = [
      setInterval(() => this.#send(this.#counter.transportFeedback()), FEEDBACK_INTERVAL_MS),
      setInterval(() => this.#send(this.#counter.receiverReport()), REPORT_INTERVAL_MS),
    ];
  }

  sources(): SourceCounts[] {
    return this.#counter.sources();
  }

  /** Encrypts and sends a compound packet. */
  sendRtcp(packet: Buffer): void {
    this.#send(packet);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#peer.close();
  }

  #takeMedia(): void {
    const [transport] = this.#peer.iceTransports;
    const internals = transport && iceInternals(transport.connection);
    if (!internals) throw new Error('werift has other private parts than its version 0.25.2');
    for (const { transport: socket } of internals.protocols) {
      if (!socket || socket.type !== 'udp') continue;
      // The default holds a hundred packets; ten viewers share one busy process.
      socket.socket?.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      const others = socket.onData;
      socket.onData = (data, address) => {
        const first = data[0] ?? 0;
        if (first < 128 || first > 191) others(data, address);
        else this.#receive(data);
      };
    }
  }

  #receive(packet: Buffer): void {
    const type = packet.readUInt8(1);
    if (type < 192 || type > 223) {
      const index = this.#counter.count(packet);
      this.onPacket?.(packet, index);
      return;
    }
    const plain = this.#srtcpIn?.unprotect(packet);
    if (!plain) return;
    parseRtcp(plain, { onSenderReport: (ssrc, ntpTime) => this.#counter.senderReport(ssrc, ntpTime) });
    this.onRtcp?.(plain);
  }

  #prepareKeys(): void {
    const srtp = this.#peer.dtlsTransports[0]?.dtls;
    const id = srtp?.srtp.srtpProfile;
    if (!srtp || id === undefined) throw new Error('DTLS agreed on no SRTP profile');
    const profile = id === PROFILE_ID.AEAD_AES_128_GCM ? 'AEAD_AES_128_GCM' : 'AES_CM_128_HMAC_SHA1_80';
    const saltBytes = profile === 'AEAD_AES_128_GCM' ? 12 : 14;
    const keys = srtp.extractSessionKeys(16, saltBytes);
    this.senderKeys = { profile, masterKey: keys.remoteKey, masterSalt: keys.remoteSalt };
    const own: SrtpKeys = { profile, masterKey: keys.localKey, masterSalt: keys.localSalt };
    this.#srtcpIn = new SrtcpContext(deriveSessionKeys(this.senderKeys, 'rtcp'));
    this.#srtcpOut = new SrtcpContext(deriveSessionKeys(own, 'rtcp'));
  }

  #send(packet: Buffer | undefined): void {
    const connection = this.#peer.iceTransports[0]?.connection;
    if (!packet || !this.#srtcpOut || !connection) return;
    connection.send(this.#srtcpOut.protect(packet)).catch(() => {});
  }
}

function restrictProfiles(peer: RTCPeerConnection, id: number): void {
  const [transport] = peer.dtlsTransports;
  if (transport) Reflect.set(transport, 'srtpProfiles', [id]);
}
