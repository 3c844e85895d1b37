import { buildReceiverReport, compactNtpTime } from '../../../src/rtp/rtcp-build.ts';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import { deriveSessionKeys } from '../../../src/rtp/srtp-keys.ts';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { SrtpReceiver } from '../../../src/rtp/srtp-receiver.ts';
import { systemClock, type Timer } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { IceAgent } from '../../../src/webrtc/ice/ice-agent.ts';
import { DtlsLoader, type LoadedDtls } from '../../../src/webrtc/werift/dtls-loader.ts';
import type { DtlsAssociation } from '../../../src/webrtc/werift/dtls.ts';
import { localIce, transportOf } from '../../support/local-ice.ts';
import { parseRtp } from '../../support/rtp-packet.ts';
import { MediaReceiver, type ReceivedFrame } from './media-receiver.ts';
import type { RecordedMedia } from './recorded-media.ts';
import { storageOffer } from './storage-offer.ts';

export const VIDEO = 96;
export const RTX = 97;
export const OPUS = 111;
const OWN_SSRC = 1;
const FEEDBACK_EVERY_MS = 20;
/** So often at most is a new picture asked for. */
const PICTURE_LOSS_EVERY_MS = 500;
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const CLOCK_RATE = { video: 90_000, audio: 48_000 } as const;

const loader = new DtlsLoader();
const ice = localIce();

type Kind = keyof typeof CLOCK_RATE;
interface Track {
  receiver: MediaReceiver;
  /** Of the last sender report: epoch milliseconds, RTP timestamp, compact NTP time, arrival. */
  report: { epochMs: number; timestamp: number; compact: number; atMs: number } | undefined;
  /** Came before the first sender report. */
  early: ReceivedFrame[];
  /** Packets that were not repetitions, in all, and at the last report. */
  received: number;
  reported: { highest: number; received: number };
}

/** The storage side of one session: offers, receives, repairs, and hands on what it has with its capture time. */
export class StoragePeer {
  readonly session: number;
  readonly connected = Promise.withResolvers<void>();
  onEnd: () => void = () => {};
  readonly #media: RecordedMedia;
  readonly #reportEveryMs: number;
  readonly #ice: IceAgent;
  readonly #tracks: Record<Kind, Track>;
  readonly #timers: Timer[] = [];
  #loaded: LoadedDtls | undefined;
  #dtls: DtlsAssociation | undefined;
  #srtp: SrtpReceiver | undefined;
  #srtcpOut: SrtcpContext | undefined;
  #candidates: string[] | undefined = [];
  /** What was given up leaves no picture to go on with. */
  #isPictureLost = false;
  #pictureAskedMs = 0;
  #closed = false;

  constructor(session: number, media: RecordedMedia, reportEveryMs: number) {
    this.session = session;
    this.#media = media;
    this.#reportEveryMs = reportEveryMs;
    this.connected.promise.catch(() => {});
    this.#ice = new IceAgent(ice, {
      onCandidate: () => {},
      onDtls: (datagram) => this.#dtls?.receive(datagram),
      onPacket: (packet) => this.#received(packet),
      onConsentExpired: () => this.close(),
      onNetworkChange: () => {},
    });
    this.#tracks = { video: this.#track('video'), audio: this.#track('audio') };
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** The offer and, apart, its candidates. */
  async offer(kinds: readonly Kind[] = ['video', 'audio']): Promise<{ sdp: string; candidates: string[] }> {
    this.#loaded = await loader.load();
    await this.#ice.gatherHost();
    const { fingerprint } = this.#loaded;
    return {
      sdp: storageOffer(this.#ice.parameters, fingerprint, systemRandom.uint32(), kinds),
      candidates: this.#ice.candidates(),
    };
  }

  addCandidate(candidate: string): void {
    if (this.#candidates) this.#candidates.push(candidate);
    else this.#ice.addRemoteCandidate(candidate);
  }

  /** Takes the answer; `connected` tells the rest. */
  accept(answer: string): void {
    this.#connect(answer).then(
      () => this.connected.resolve(),
      (error: unknown) => {
        this.connected.reject(error);
        this.close();
      },
    );
  }

  /** Dies without a word. */
  vanish(): void {
    this.#stop(false);
  }

  /** Says goodbye. */
  close(): void {
    this.#stop(true);
  }

  #stop(goodbye: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    if (goodbye) this.#dtls?.close();
    this.#ice.close();
    this.onEnd();
  }

  async #connect(answer: string): Promise<void> {
    if (!this.#loaded) throw new Error('answered before it was offered');
    if (/^m=(video|audio) 0 /m.test(answer)) throw new Error('a track was refused');
    if (!/^a=rtpmap:96 H264/m.test(answer) || !/^a=rtpmap:111 opus/m.test(answer))
      throw new Error('another codec than H.264 and Opus');
    const dtls = this.#loaded.associate(
      (datagram) => this.#ice.send(datagram),
      () => this.close(),
      false,
      () => {},
    );
    this.#dtls = dtls;
    const remote = transportOf(answer);
    const found = this.#ice.connect(remote.ice, true);
    for (const candidate of [...remote.candidates, ...(this.#candidates ?? [])])
      this.#ice.addRemoteCandidate(candidate);
    this.#candidates = undefined;
    await found;
    const keys = await dtls.handshake('client', [remote.fingerprint], systemClock);
    this.#srtp = new SrtpReceiver(keys.remote);
    this.#srtcpOut = new SrtcpContext(deriveSessionKeys(keys.local, 'rtcp'));
    this.#timers.push(
      systemClock.every(FEEDBACK_EVERY_MS, () => this.#askForMissing()),
      systemClock.every(this.#reportEveryMs, () => this.#report()),
    );
  }

  #received(packet: Buffer): void {
    const type = packet[1] ?? 0;
    if (type >= 192 && type <= 223) return this.#receivedRtcp(packet);
    const plain = this.#srtp?.unprotect(packet);
    if (!plain) return;
    const rtp = parseRtp(plain);
    const { video, audio } = this.#tracks;
    if (rtp.payloadType === OPUS) {
      audio.received += 1;
      audio.receiver.ssrc = rtp.ssrc;
      audio.receiver.take(rtp);
    } else if (rtp.payloadType === VIDEO) {
      video.received += 1;
      video.receiver.ssrc = rtp.ssrc;
      video.receiver.take(rtp);
    } else if (rtp.payloadType === RTX && rtp.payload.length > 2) {
      const sequence = rtp.payload.readUInt16BE(0);
      video.receiver.take({ ...rtp, sequence, payload: rtp.payload.subarray(2) });
    }
  }

  #receivedRtcp(packet: Buffer): void {
    const plain = this.#srtp?.unprotectRtcp(packet);
    if (!plain) return;
    parseRtcp(plain, {
      onSenderReport: (ssrc, ntpTime, timestamp) => {
        const epochMs =
          (Number(ntpTime >> 32n) - NTP_TO_UNIX_SECONDS) * 1000 +
          (Number(ntpTime & 0xffff_ffffn) / 2 ** 32) * 1000;
        this.#media.clockOffsetsMs.push(epochMs - Date.now());
        for (const kind of ['video', 'audio'] as const) {
          const track = this.#tracks[kind];
          if (track.receiver.ssrc !== ssrc) continue;
          const compact = Number((ntpTime >> 16n) & 0xffff_ffffn);
          track.report = { epochMs, timestamp, compact, atMs: Date.now() };
          for (const frame of track.early.splice(0)) this.#record(kind, frame);
        }
      },
    });
  }

  #track(kind: Kind): Track {
    const receiver = new MediaReceiver({
      codec: kind === 'video' ? 'h264' : 'opus',
      onFrame: (frame) => {
        const track = this.#tracks[kind];
        if (track.report) this.#record(kind, frame);
        else track.early.push(frame);
      },
      onIncomplete: () => (this.#media.incomplete += 1),
      onGivenUp: () => (this.#isPictureLost ||= kind === 'video'),
    });
    return { receiver, report: undefined, early: [], received: 0, reported: { highest: -1, received: 0 } };
  }

  #record(kind: Kind, { timestamp, data, keyframe }: ReceivedFrame): void {
    const { report } = this.#tracks[kind];
    if (!report) return;
    const ticks = (timestamp - report.timestamp) | 0;
    const capturedAtMs = report.epochMs + (ticks * 1000) / CLOCK_RATE[kind];
    this.#media.add(kind, { data, capturedAtMs, keyframe, session: this.session });
  }

  #askForMissing(): void {
    const { receiver } = this.#tracks.video;
    const missing = receiver.wanted();
    // Sound is not repeated: what is missing is only given up in time.
    this.#tracks.audio.receiver.wanted();
    if (this.#isPictureLost && performance.now() - this.#pictureAskedMs > PICTURE_LOSS_EVERY_MS)
      this.#askForPicture(receiver.ssrc);
    if (missing.length === 0) return;
    const nack = Buffer.alloc(12 + 4 * missing.length);
    nack[0] = 0x81;
    nack[1] = 205;
    nack.writeUInt16BE(nack.length / 4 - 1, 2);
    nack.writeUInt32BE(OWN_SSRC, 4);
    nack.writeUInt32BE(receiver.ssrc, 8);
    missing.forEach((sequence, i) => nack.writeUInt16BE(sequence, 12 + 4 * i));
    this.#sendRtcp(Buffer.concat([buildReceiverReport(OWN_SSRC, [], 'storage'), nack]));
  }

  /** PLI (RFC 4585 section 6.3.1). */
  #askForPicture(ssrc: number): void {
    this.#isPictureLost = false;
    this.#pictureAskedMs = performance.now();
    const pli = Buffer.alloc(12);
    pli.writeUInt32BE(0x81ce_0002, 0);
    pli.writeUInt32BE(OWN_SSRC, 4);
    pli.writeUInt32BE(ssrc, 8);
    this.#sendRtcp(Buffer.concat([buildReceiverReport(OWN_SSRC, [], 'storage'), pli]));
  }

  #report(): void {
    const blocks = Object.values(this.#tracks).flatMap((track) => {
      const { receiver, report } = track;
      return receiver.highest < 0
        ? []
        : [
            {
              ssrc: receiver.ssrc,
              fractionLost: fractionLost(track),
              cumulativeLost: 0,
              highestSequence: receiver.highest,
              jitter: 0,
              lastSenderReport: report?.compact ?? 0,
              delaySinceLastSenderReport: report
                ? (compactNtpTime(Date.now()) - compactNtpTime(report.atMs)) >>> 0
                : 0,
            },
          ];
    });
    if (blocks.length > 0) this.#sendRtcp(buildReceiverReport(OWN_SSRC, blocks, 'storage'));
  }

  #sendRtcp(packet: Buffer): void {
    if (this.#srtcpOut && !this.#closed) this.#ice.send(this.#srtcpOut.protect(packet));
  }
}

/** Since the last report, in 1/256 (RFC 3550 section 6.4.1); what was repeated counts as lost. */
function fractionLost(track: Track): number {
  const { received, receiver, reported } = track;
  const expected = reported.highest < 0 ? received : receiver.highest - reported.highest;
  const lost = expected - (received - reported.received);
  track.reported = { highest: receiver.highest, received };
  return lost > 0 ? Math.min(255, Math.floor((256 * lost) / expected)) : 0;
}
