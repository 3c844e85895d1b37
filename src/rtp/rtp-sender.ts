import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { CLOCK_RATE } from './access-unit.ts';
import { RepairPlan } from './congestion/repair-plan.ts';
import { FrameSender } from './frame-sender.ts';
import type { MediaStream } from './media-stream.ts';
import { PacketOutput, type ViewerTransport } from './packet-output.ts';
import { RecordedLosses, type LossListener } from './recorded-losses.ts';
import { Retransmitter } from './retransmitter.ts';
import { buildGoodbye, buildSenderReport, compactNtpTime } from './rtcp-build.ts';
import type { ReportBlock, RtcpHandler, TransportFeedback } from './rtcp-types.ts';
import type { HeaderExtensions } from './rtp-header.ts';
import type { RtpSenderStats } from './rtp-sender-stats.ts';
import { RtpTimeline } from './rtp-timeline.ts';
import { SentSpans } from './sent-spans.ts';

const VIDEO_BLOCK_BYTES = 64 * 1024;
const SMALL_BLOCK_BYTES = 8 * 1024;
/** A round trip above this belongs to a report that is not ours. */
const MAX_ROUND_TRIP_MS = 60_000;

export interface RtpSenderOptions {
  clock: Clock;
  random: Random;
  transport: ViewerTransport;
  payloadType: number;
  /** Names the participant; the same for audio and video of one viewer, so that they are played in step. */
  cname: string;
  /** Random by default. */
  ssrc?: number;
  /** Retransmission stream (RFC 4588); without it packets are repeated as they were. */
  rtx?: { payloadType: number; ssrc?: number };
  extensions?: HeaderExtensions;
  /** Id of the playout delay extension, where the peer has it. */
  playoutDelayExtension?: number | undefined;
  /**
   * For a receiver that records: begins with what was pushed from this moment (monotonic) on, as far as it is kept, and sends each
   * frame once, with its own time. A lost picture is then mended by the next key frame, not by a replay.
   */
  recordFromMs?: number | undefined;
  /** Told of what such a receiver could not be given. */
  onLost?: LossListener | undefined;
}

/**
 * One viewer's view of a media stream: its own SSRC, sequence numbers, timestamps, encryption, repairs and reports.
 * As RTCP handler it heeds what is meant for its SSRC.
 */
export class RtpSender implements RtcpHandler {
  readonly ssrc: number;
  readonly rtxSsrc: number | undefined;
  readonly #clock: Clock;
  readonly #transport: ViewerTransport;
  readonly #cname: string;
  readonly #media: PacketOutput;
  readonly #rtx: PacketOutput | undefined;
  readonly #frames: FrameSender;
  readonly #retransmitter: Retransmitter;
  readonly #repairPlan = new RepairPlan();
  readonly #spans: SentSpans;
  /** Of a receiver that records. */
  readonly #losses: RecordedLosses | undefined;
  readonly #extensions: HeaderExtensions;
  readonly #playoutDelayExtension: number | undefined;
  #playoutDelayMs = 0;
  readonly #timeline: RtpTimeline;
  readonly #clockRate: number;
  #closed = false;
  #intraRequest = -1;
  #nackedPackets = 0;
  #unrepairablePackets = 0;
  #pictureLosses = 0;
  #fullIntraRequests = 0;
  #roundTripMs: number | undefined;
  #reportedPackets = 0;
  #lostPackets = 0;
  #jitterMs: number | undefined;

  /** Sends nothing before `start()`. Fails where an SSRC was used before under the transport's keys. */
  constructor(stream: MediaStream, options: RtpSenderOptions) {
    const { clock, random, transport, rtx, extensions = {}, recordFromMs, onLost } = options;
    const { pacer } = transport;
    const shared = { extensions, markFrameEnd: stream.isVideo };
    const output = (ssrc: number, payloadType: number, blockBytes: number) =>
      new PacketOutput({ ...shared, ssrc, payloadType, blockBytes }, transport, random, clock);
    this.#clock = clock;
    this.#transport = transport;
    this.#cname = options.cname;
    this.#extensions = extensions;
    this.#playoutDelayExtension = options.playoutDelayExtension;
    this.#clockRate = CLOCK_RATE[stream.codec];
    this.ssrc = options.ssrc ?? random.uint32();
    this.#media = output(
      this.ssrc,
      options.payloadType,
      stream.isVideo ? VIDEO_BLOCK_BYTES : SMALL_BLOCK_BYTES,
    );
    if (rtx) {
      this.rtxSsrc = rtx.ssrc ?? random.uint32();
      this.#rtx = output(this.rtxSsrc, rtx.payloadType, SMALL_BLOCK_BYTES);
    }
    const spans = new SentSpans(stream);
    this.#spans = spans;
    if (recordFromMs !== undefined) this.#losses = new RecordedLosses(stream, clock, recordFromMs, onLost);
    this.#timeline = new RtpTimeline(this.#clockRate, random.uint32());
    this.#frames = new FrameSender(stream, this.#media, spans, this.#timeline, pacer, clock, this.#losses);
    this.#retransmitter = new Retransmitter(this.#media, this.#rtx, spans, clock, pacer);
  }

  get stream(): MediaStream {
    return this.#frames.stream;
  }

  get paused(): boolean {
    return this.#frames.paused;
  }

  /** Of a receiver that records: what was pushed until then has left; monotonic. */
  get recordedUntilMs(): number | undefined {
    return this.#losses?.sentUntilMs;
  }

  /** Starts, or goes on after `pause()`: video with the cached GOP where there is one, else with the next key frame. */
  start(): void {
    if (!this.#closed) this.#frames.start();
  }

  /** Sends no new media until `start()`; repairs and reports go on. */
  pause(): void {
    this.#frames.pause();
  }

  /**
   * Goes over to another rendition: by replay where that ends before the next key frame is due, else the present
   * stream goes on until that key frame. Fails where the codec is another.
   */
  switchTo(stream: MediaStream): void {
    const { codec } = this.#frames.stream;
    if (stream.codec !== codec) throw new Error(`a sender of ${codec} cannot change to ${stream.codec}`);
    this.#frames.switchTo(stream);
  }

  /** Sends about `bytes` that the viewer has already, over RTX; returns what it sent, 0 where it cannot. */
  pad(bytes: number): number {
    return this.#closed ? 0 : this.#retransmitter.pad(bytes);
  }

  /** What repairs go by: how long packets wait on their way now, and the share that is lost, 0 to 1. */
  setLink(queueMs: number, loss: number): void {
    const plan = this.#repairPlan;
    const before = plan.playoutDelayMs;
    plan.update(loss, queueMs, this.#roundTripMs, this.#clock.monotonic());
    this.#retransmitter.queueMs = queueMs;
    this.#retransmitter.copies = plan.copies;
    if (plan.playoutDelayMs !== before) this.#delayPlayout(plan.playoutDelayMs);
  }

  /** Sends key frames only: a picture for a link that carries no more. */
  set keyframesOnly(only: boolean) {
    this.#frames.keyframesOnly = only;
  }

  onNack(mediaSsrc: number, packetId: number, lostAfter: number): void {
    if (mediaSsrc !== this.ssrc || this.#closed) return;
    this.#repair(packetId);
    for (let i = 0; i < 16; i++) {
      if ((lostAfter & (1 << i)) !== 0) this.#repair((packetId + 1 + i) & 0xffff);
    }
  }

  onTransportFeedback(feedback: TransportFeedback): void {
    if (this.#closed) return;
    const givenUp = this.#retransmitter.onTransportFeedback(feedback);
    if (givenUp >= 0) this.#unrepairable(givenUp);
  }

  onPictureLoss(mediaSsrc: number): void {
    if (mediaSsrc !== this.ssrc) return;
    this.#pictureLosses += 1;
    this.#losses?.onPictureLoss();
    // Within a round trip, the request was made before the last key frame arrived.
    if (this.#clock.monotonic() - this.#frames.keyframeAtMs < (this.#roundTripMs ?? 0)) return;
    this.#frames.refresh();
  }

  onFullIntraRequest(mediaSsrc: number, sequence: number): void {
    // A repeated sequence number is the same request again (RFC 5104 section 4.3.1.1).
    if (mediaSsrc !== this.ssrc || sequence === this.#intraRequest) return;
    this.#intraRequest = sequence;
    this.#fullIntraRequests += 1;
    this.#losses?.onPictureLoss();
    this.#frames.refresh();
  }

  onReportBlock(_senderSsrc: number, block: ReportBlock): void {
    if (block.ssrc !== this.ssrc) return;
    this.#reportedPackets = Math.max(
      this.#reportedPackets,
      this.#indexOf(block.highestSequence) + 1 - this.#media.firstIndex,
    );
    // The count falls where a packet comes late or twice.
    this.#lostPackets = Math.max(this.#lostPackets, block.cumulativeLost);
    this.#jitterMs = (block.jitter * 1000) / this.#clockRate;
    if (block.lastSenderReport === 0) return;
    const sinceReport = compactNtpTime(this.#clock.now()) - block.lastSenderReport;
    const roundTripMs = (((sinceReport - block.delaySinceLastSenderReport) >>> 0) * 1000) / 65_536;
    if (roundTripMs > MAX_ROUND_TRIP_MS) return;
    this.#roundTripMs = roundTripMs;
    this.#retransmitter.setRoundTrip(roundTripMs);
  }

  /** Sends a sender report (RFC 3550 section 6.4.1); to be called every few seconds. */
  report(): void {
    this.#losses?.settle();
    if (this.#closed || this.#media.packets === 0) return;
    const wallClockMs = this.#clock.now();
    const rtpTimestamp = this.#timeline.at(wallClockMs) >>> 0;
    const { ssrc, packets, payloadBytes: octets } = this.#media;
    this.#sendRtcp(buildSenderReport({ ssrc, wallClockMs, rtpTimestamp, packets, octets }, this.#cname));
  }

  /** Stops for good and says goodbye. */
  close(): void {
    if (this.#closed) return;
    this.pause();
    this.#losses?.close();
    this.#retransmitter.close();
    this.#closed = true;
    const ssrcs = this.rtxSsrc === undefined ? [this.ssrc] : [this.ssrc, this.rtxSsrc];
    if (this.#media.packets > 0) this.#sendRtcp(buildGoodbye(ssrcs, this.#cname));
  }

  stats(): RtpSenderStats {
    return {
      packets: this.#media.packets + (this.#rtx?.packets ?? 0),
      payloadBytes: this.#media.payloadBytes + (this.#rtx?.payloadBytes ?? 0),
      frames: this.#frames.frames,
      lastFrameAtMs: this.#frames.lastFrameAtMs,
      firstFrameAtMs: this.#frames.firstFrameAtMs,
      replays: this.#frames.replays,
      skippedFrames: this.#frames.skippedFrames,
      retransmittedPackets: this.#retransmitter.packets,
      retransmittedBytes: this.#retransmitter.payloadBytes,
      nackedPackets: this.#nackedPackets,
      unrepairablePackets: this.#unrepairablePackets,
      pictureLosses: this.#pictureLosses,
      fullIntraRequests: this.#fullIntraRequests,
      sendErrors: this.#media.sendErrors + (this.#rtx?.sendErrors ?? 0),
      reportedPackets: this.#reportedPackets,
      lostPackets: this.#lostPackets,
      roundTripMs: this.#roundTripMs,
      jitterMs: this.#jitterMs,
      playoutDelayMs: this.#playoutDelayMs,
    };
  }

  /** Without RTX, a packet that is repeated must be the same, header and all. */
  #delayPlayout(minMs: number): void {
    const id = this.#playoutDelayExtension;
    if (id === undefined || this.#rtx === undefined) return;
    this.#playoutDelayMs = minMs;
    this.#media.extensions = { ...this.#extensions, playoutDelay: { id, minMs } };
  }

  #repair(sequence: number): void {
    const index = this.#indexOf(sequence);
    if (index < this.#media.firstIndex) return;
    this.#nackedPackets += 1;
    const outcome = this.#retransmitter.repair(index);
    if (outcome === 'forgotten') this.#unrepairable(index);
    else this.#losses?.onAsked(index, this.#spans.find(index)?.frameIndex, outcome);
  }

  #unrepairable(index: number): void {
    this.#losses?.onAsked(index, this.#spans.find(index)?.frameIndex, 'forgotten');
    this.#unrepairablePackets += 1;
    // What was lost before a key frame that is on its way does not matter any more.
    if (index >= this.#frames.keyframeIndex) this.#frames.refresh();
  }

  /** Of the packet sent last with this sequence number, of which the lower 16 bits count. */
  #indexOf(sequence: number): number {
    const latest = this.#media.nextIndex - 1;
    return latest - ((latest - sequence) & 0xffff);
  }

  #sendRtcp(packet: Buffer): void {
    try {
      this.#transport.packets.send(this.#transport.srtp.protectRtcp(packet));
    } catch {
      this.#media.sendErrors += 1;
    }
  }
}
