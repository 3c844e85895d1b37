import type { Random } from '../runtime/random.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { MediaStream } from '../rtp/media-stream.ts';
import type { Reach } from '../rtp/congestion/rung-choice.ts';
import { TransportSequence, type ViewerTransport } from '../rtp/packet-output.ts';
import { parseRtcp } from '../rtp/rtcp-parse.ts';
import type { RtcpHandler } from '../rtp/rtcp-types.ts';
import { RtpSender } from '../rtp/rtp-sender.ts';
import { deriveSessionKeys } from '../rtp/srtp-keys.ts';
import { SrtcpContext } from '../rtp/srtcp.ts';
import { SrtpSender } from '../rtp/srtp-sender.ts';
import type { LocalTrack } from './answer.ts';
import type { AcceptedRtp } from './negotiate.ts';
import type { SecureTransport, SrtpSessionKeys } from './secure-transport.ts';
import type { Picture, ShownRendition } from './shown-rendition.ts';
import { RecorderLink } from './recorder-link.ts';
import { ViewerLink, type LinkUser } from './viewer-link.ts';

/** RFC 3550 section 6.2 allows less than the 5 s minimum for video; a second keeps audio and video in step from the start. */
const REPORT_INTERVAL_MS = 1_000;

type MediaTransport = Pick<SecureTransport, 'send' | 'ask' | 'busy' | 'onPacket' | 'selectedPair'>;

/** One track to send, as negotiated. */
export interface OutgoingTrack {
  decision: AcceptedRtp;
  local: LocalTrack;
  stream: MediaStream;
}

/** What is told of a peer that records, and how it is sent to (RtpSenderOptions). */
export interface Recorder {
  /** What picture and sound take at most. */
  readonly kbps: number;
  /** What they take now. */
  needKbps(): number;
  /** The media starts; returns from when on (RtpSenderOptions.recordFromMs). */
  start(): number;
  /** What could not be given to it, although it asked (RtpSenderOptions.onLost). */
  onLost(fromMs: number, untilMs: number): void;
  /** An RTCP packet came from the peer. */
  onHeard(): void;
  /** It could not be connected. */
  onFailure(reason: string): void;
}

/**
 * The media side of one connected viewer: a sender for each track, SRTP both ways, RTCP in (to the sender it speaks of) and out
 * (a sender report a second).
 */
export class RtpSession implements Picture {
  senders: RtpSender[] = [];
  /** SRTP packets of the peer. */
  onRtp: (packet: Buffer) => void = () => {};
  /** SRTCP packets that were forged, replayed or malformed. */
  rejectedRtcp = 0;
  readonly #transport: MediaTransport;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #viewer: ViewerTransport;
  readonly #bySsrc = new Map<number, RtpSender>();
  readonly #srtcpIn: SrtcpContext;
  readonly #handler: RtcpHandler;
  readonly #recorder: Recorder | undefined;
  readonly #shown: ShownRendition;
  readonly #link: ViewerLink | RecorderLink;
  #recordFromMs: number | undefined;
  #reach: Reach = 'full';
  #paused = false;
  #reports: Timer | undefined;

  constructor(
    keys: SrtpSessionKeys,
    transport: MediaTransport,
    clock: Clock,
    random: Random,
    shown: ShownRendition,
    recorder?: Recorder,
  ) {
    this.#shown = shown;
    this.#recorder = recorder;
    this.#transport = transport;
    this.#clock = clock;
    this.#random = random;
    this.#srtcpIn = new SrtcpContext(deriveSessionKeys(keys.remote, 'rtcp'));
    const user: LinkUser = {
      wish: () => shown.wish,
      pad: (bytes) => this.#pictureSender?.pad(bytes) ?? 0,
      ask: (onAnswer) => transport.ask(onAnswer),
      onEstimate: (estimate) => shown.onEstimate(estimate),
    };
    this.#link = recorder
      ? new RecorderLink(clock, recorder.kbps, () => recorder.needKbps())
      : new ViewerLink(clock, user, transport.selectedPair()?.roundTripTimeMs);
    this.#viewer = { packets: transport, srtp: new SrtpSender(keys.local), pacer: this.#link.pacer };
    this.#handler = this.#createHandler();
  }

  /** Begins to send. */
  start(tracks: readonly OutgoingTrack[]): void {
    this.#transport.onPacket = (packet) => this.#receive(packet);
    this.#recordFromMs = this.#recorder?.start();
    this.update(tracks);
    this.#shown.connect(this);
    this.#reports = this.#clock.every(REPORT_INTERVAL_MS, () => this.#report());
  }

  /** What was sent before under the same SSRC goes on; what is gone stops; what is new starts. */
  update(tracks: readonly OutgoingTrack[]): void {
    const hasFeedback = tracks.some(({ decision }) => decision.transportCcExtension !== undefined);
    if (hasFeedback && !this.#viewer.transportSequence) {
      this.#viewer.transportSequence = new TransportSequence();
      this.#viewer.onSent = this.#link.onSent;
      if (this.#link instanceof ViewerLink) this.#link.expectFeedback();
    }
    const wanted = new Set(tracks.map(({ local }) => local.ssrc));
    for (const [ssrc, sender] of this.#bySsrc) {
      if (wanted.has(ssrc)) continue;
      sender.close();
      this.#bySsrc.delete(ssrc);
    }
    for (const track of tracks) {
      if (this.#bySsrc.has(track.local.ssrc)) continue;
      const sender = this.#createSender(track);
      this.#bySsrc.set(track.local.ssrc, sender);
    }
    this.senders = [...this.#bySsrc.values()];
    this.#direct();
    this.#report();
  }

  /** Changes the picture to another rendition's. */
  show(stream: MediaStream): void {
    this.#pictureSender?.switchTo(stream);
  }

  /** What the viewer sees now. */
  get stream(): MediaStream | undefined {
    return this.#pictureSender?.stream;
  }

  setReach(reach: Reach): void {
    this.#reach = reach;
    this.#direct();
  }

  /** The viewer wants nothing for now. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#direct();
  }

  /** Tells the senders what is sent: nothing to a viewer that pauses, no picture where the link carries none. */
  #direct(): void {
    for (const sender of this.senders) {
      const { isVideo } = sender.stream;
      sender.keyframesOnly = isVideo && this.#reach === 'keyframes';
      if (this.#paused || (isVideo && this.#reach === 'audio')) sender.pause();
      else sender.start();
    }
  }

  get #pictureSender(): RtpSender | undefined {
    return this.senders.find(({ stream }) => stream.isVideo);
  }

  /** Says goodbye to the viewer and stops. */
  close(): void {
    this.#reports?.cancel();
    this.#link.close();
    this.#transport.onPacket = () => {};
    for (const sender of this.senders) sender.close();
  }

  #report(): void {
    for (const sender of this.senders) sender.report();
  }

  /** RFC 5761 section 4: the second byte tells RTCP (192–223) from RTP. */
  #receive(packet: Buffer): void {
    const type = packet[1] ?? 0;
    if (type < 192 || type > 223) return this.onRtp(packet);
    const plain = this.#srtcpIn.unprotect(packet);
    if (!plain || !parseRtcp(plain, this.#handler)) this.rejectedRtcp += 1;
    else this.#recorder?.onHeard();
  }

  /** A recording is not shown, so that nothing has to be in time. */
  #adviseRepairs(): void {
    if (!(this.#link instanceof ViewerLink)) return;
    const { queueMs, loss } = this.#link.estimate;
    this.#pictureSender?.setLink(queueMs, loss);
  }

  #createSender({ decision, local, stream }: OutgoingTrack): RtpSender {
    const recorder = this.#recorder;
    const { payloadType, rtx, midExtension, transportCcExtension, playoutDelayExtension, media } = decision;
    return new RtpSender(stream, {
      clock: this.#clock,
      random: this.#random,
      transport: this.#viewer,
      payloadType,
      cname: local.cname,
      ssrc: local.ssrc,
      recordFromMs: this.#recordFromMs,
      onLost: recorder && ((fromMs, untilMs) => recorder.onLost(fromMs, untilMs)),
      playoutDelayExtension,
      ...(rtx === undefined ? {} : { rtx: { payloadType: rtx, ssrc: local.rtxSsrc } }),
      extensions: {
        ...(midExtension === undefined || media.mid === ''
          ? {}
          : { mid: { id: midExtension, value: media.mid } }),
        ...(transportCcExtension === undefined ? {} : { transportSequence: { id: transportCcExtension } }),
      },
    });
  }

  /** Each sender heeds what names its SSRC. */
  #createHandler(): RtcpHandler {
    const link = this.#link;
    return {
      onReportBlock: (ssrc, block) => {
        this.senders.forEach((sender) => sender.onReportBlock(ssrc, block));
        if (block.ssrc !== this.#pictureSender?.ssrc) return;
        link.onReportedLoss(block.fractionLost / 256);
        this.#adviseRepairs();
      },
      onTransportFeedback: (feedback) => {
        link.onTransportFeedback(feedback);
        this.#adviseRepairs();
        this.#pictureSender?.onTransportFeedback(feedback);
      },
      onReceiverEstimate: (bitsPerSecond) => link.onReceiverEstimate(bitsPerSecond / 1000),
      onNack: (ssrc, packetId, lostAfter) =>
        this.senders.forEach((sender) => sender.onNack(ssrc, packetId, lostAfter)),
      onPictureLoss: (ssrc) => this.senders.forEach((sender) => sender.onPictureLoss(ssrc)),
      onFullIntraRequest: (ssrc, sequence) =>
        this.senders.forEach((sender) => sender.onFullIntraRequest(ssrc, sequence)),
    };
  }
}
