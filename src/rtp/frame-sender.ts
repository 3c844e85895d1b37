import type { Clock } from '../runtime/clock.ts';
import type { Frame, FrameSink, MediaStream } from './media-stream.ts';
import type { Pacer } from './pacer.ts';
import type { PacketOutput } from './packet-output.ts';
import type { RecordedFrom } from './recorded-losses.ts';
import type { RtpTimeline } from './rtp-timeline.ts';
import type { SentSpans } from './sent-spans.ts';

/** A viewer that asks for a picture gets at most one replay in this time. */
const REPLAY_INTERVAL_MS = 1000;
/** The first may be repeated sooner: when its first packet is lost, a browser knows nothing to ask for but another. */
const FIRST_REPLAY_INTERVAL_MS = 150;
/** A picture that waits longer than this is overtaken by a new key frame. */
const OVERTAKEN_MS = 100;
/** A picture that waits this long for its turn means a link too small: the rest of its GOP is left out. */
const MAX_BEHIND_MS = 400;
/** Each viewer gets so much of a picture before any gets more: a whole key frame takes a millisecond a viewer. */
const HEAD_PACKETS = 4;

/** A recorder's sound catches up with so many packets each time one is captured: it is not paced, nor repeated. */
const SOUND_CATCH_UP_PACKETS = 2;

/** stopped: sends nothing; waiting: for a key frame; live: each frame as it comes, after a replay if there is one. */
type Mode = 'stopped' | 'waiting' | 'live';

/**
 * Decides which frames one viewer gets and when: live, by GOP replay, or none before the next key frame. Frames leave in
 * order as the pacer allows; what waits is only an index into the stream's history.
 */
export class FrameSender implements FrameSink {
  frames = 0;
  replays = 0;
  /** Frames that were left out because the link could not carry them. */
  skippedFrames = 0;
  keyframesOnly = false;
  /** Wall clock of the last frame, epoch milliseconds. */
  lastFrameAtMs: number | undefined;
  /** When the first frame left, on the monotonic clock. */
  firstFrameAtMs: number | undefined;
  /** Extended sequence number of the first packet of the last key frame, and when it left on the monotonic clock. */
  keyframeIndex = 0;
  keyframeAtMs = -Infinity;
  stream: MediaStream;
  readonly #clock: Clock;
  readonly #output: PacketOutput;
  readonly #spans: SentSpans;
  readonly #timeline: RtpTimeline;
  #mode: Mode = 'stopped';
  /** The stream to change to at its next key frame. */
  #nextStream: MediaStream | undefined;
  readonly #pacer: Pacer;
  /** The next to leave: index of the frame in its stream, and of the payload in the frame. */
  #nextFrame = 0;
  #nextPayload = 0;
  /** Frames before this index are replayed; later ones keep their own time. */
  #replayEnd = 0;
  /** When the last replay's last frame had left. */
  #replayedUntilMs = -Infinity;
  #replayedAtMs = -Infinity;
  readonly #record: RecordedFrom | undefined;
  /** The viewer needs a picture that it could not be given at once. */
  #refreshWanted = false;
  /** Timestamp of the frame that is being sent in parts. */
  #ticks = 0;

  constructor(
    stream: MediaStream,
    output: PacketOutput,
    spans: SentSpans,
    timeline: RtpTimeline,
    pacer: Pacer,
    clock: Clock,
    record?: RecordedFrom,
  ) {
    this.stream = stream;
    this.#output = output;
    this.#spans = spans;
    this.#timeline = timeline;
    this.#clock = clock;
    this.#pacer = pacer;
    this.#record = record;
  }

  get paused(): boolean {
    return this.#mode === 'stopped';
  }

  start(): void {
    if (this.#mode !== 'stopped') return;
    this.stream.attach(this);
    this.#begin();
  }

  pause(): void {
    if (this.stream.isVideo) this.#pacer.cancel();
    this.stream.detach(this);
    this.#setNextStream(undefined);
    this.#mode = 'stopped';
  }

  switchTo(stream: MediaStream): void {
    this.#setNextStream(undefined);
    if (stream === this.stream) return;
    if (this.#mode === 'stopped') {
      this.stream = stream;
      return;
    }
    this.#setNextStream(stream);
    if (this.#mode === 'live' && stream.isVideo && !this.#replayHelps(stream)) return;
    this.#adoptNextStream(stream);
    this.#begin();
  }

  /** Gives the viewer a decodable picture as soon as the budget allows: by replay, or by the next key frame. */
  refresh(): void {
    if (this.#record || !this.stream.isVideo || this.#mode !== 'live' || this.#isReplaying) return;
    if (!this.#tryRefresh()) this.#refreshWanted = true;
  }

  onFrame(frame: Frame, stream: MediaStream): void {
    if (stream === this.#nextStream) {
      if (!frame.keyframe) return;
      this.#adoptNextStream(stream);
      this.#goOnFrom(frame);
    } else if (frame.keyframe && (this.#mode === 'waiting' || this.#isOvertaken)) this.#goOnFrom(frame);
    if (this.#mode === 'waiting') this.skippedFrames += 1;
    if (this.#mode !== 'live') return;
    if (this.#refreshWanted && !frame.keyframe && this.#nextFrame === frame.index && this.#tryRefresh())
      return;
    this.#advance(this.#record && !stream.isVideo ? SOUND_CATCH_UP_PACKETS : HEAD_PACKETS);
  }

  afterFrame(): void {
    if (!this.#record || this.stream.isVideo) this.#advance();
  }

  get #isReplaying(): boolean {
    return this.#nextFrame < this.#replayEnd;
  }

  /** What is left of the old GOP is not needed any more where a key frame is there, but by a recorder. */
  get #isOvertaken(): boolean {
    if (this.#record) return false;
    const next = this.stream.frame(this.#nextFrame);
    const waitedMs = next === undefined ? 0 : this.#clock.monotonic() - next.pushedAtMs;
    return this.#isReplaying || waitedMs > OVERTAKEN_MS;
  }

  #goOnFrom(keyframe: Frame): void {
    if (this.#mode === 'live') this.skippedFrames += keyframe.index - this.#nextFrame;
    this.#goOn(keyframe.index);
  }

  #goOn(frameIndex: number): void {
    this.#mode = 'live';
    this.#nextFrame = frameIndex;
    this.#nextPayload = 0;
    this.#replayEnd = 0;
  }

  /** Sends what the pacer allows, and the rest later; `mostPackets` and no more. */
  #advance(mostPackets = Infinity): void {
    const { stream } = this;
    let left = mostPackets;
    while (left > 0 && this.#mode === 'live' && this.#nextFrame < stream.nextIndex) {
      const frame = stream.frame(this.#nextFrame) ?? this.#skipToKept();
      if (frame === undefined || this.#isTooLate(frame)) return this.#giveUp();
      if (this.#isReplaying && this.#pacer.isHeld && !frame.keyframe)
        return this.#pacer.waitForRelease(() => this.#replay());
      const from = this.#nextPayload;
      const { count, lengths } = frame.payloads;
      const isPaced = stream.isVideo && !(this.#pacer.isWide && frame.index === stream.nextIndex - 1);
      const to = Math.min(from + left, isPaced ? this.#pacer.affordable(lengths, from, count) : count);
      if (to === from) return this.#pacer.wait(() => this.#advance());
      left -= to - from;
      const isWhole = to === count;
      this.#sendPart(frame, from, to);
      this.#nextPayload = isWhole ? 0 : to;
      if (isWhole) this.#nextFrame += 1;
      if (isWhole && this.#nextFrame === this.#replayEnd) this.#replayedUntilMs = this.#clock.monotonic();
      if (isWhole && frame.keyframe && this.keyframesOnly && stream.isVideo) this.#mode = 'waiting';
    }
  }

  /** What is left of the GOP is not sent. Where another rendition is waited for, its old pictures are better than none. */
  #giveUp(): void {
    this.#mode = 'waiting';
    if (!this.#nextStream?.gop) return;
    this.#adoptNextStream(this.#nextStream);
    this.#begin();
  }

  /** The link cannot carry this stream: the viewer gets the beginning of each GOP, and stays near the live edge. */
  #isTooLate(frame: Frame): boolean {
    if (this.#record || this.#isReplaying || frame.keyframe || this.#nextPayload > 0) return false;
    // What came during a replay has waited for that, not for the link.
    const waitedFromMs = Math.max(frame.pushedAtMs, this.#replayedUntilMs);
    const isTooLate = this.#clock.monotonic() - waitedFromMs > MAX_BEHIND_MS;
    if (isTooLate) this.skippedFrames += this.stream.nextIndex - frame.index;
    return isTooLate;
  }

  #sendPart(frame: Frame, from: number, to: number): void {
    const output = this.#output;
    if (from === 0) this.#beginFrame(frame);
    const timestamp = this.#ticks >>> 0;
    const transportSequence = output.takeTransportSequence(to - from);
    this.#spans.add(output.nextIndex, to - from, {
      stream: this.stream,
      frameIndex: frame.index,
      payload: from,
      timestamp,
      transportSequence,
    });
    output.send(frame.payloads, from, to, timestamp, transportSequence);
  }

  #beginFrame(frame: Frame): void {
    this.#ticks = this.#isReplaying
      ? this.#timeline.replayed(this.#replayEnd - 1 - frame.index)
      : this.#timeline.live(frame.captureTimeMs, frame.pushedAtMs);
    this.frames += 1;
    this.#record?.onBegun(frame);
    this.lastFrameAtMs = this.#clock.now();
    this.firstFrameAtMs ??= this.#clock.monotonic();
    if (!frame.keyframe) return;
    this.#refreshWanted = false;
    this.keyframeIndex = this.#output.nextIndex;
    this.keyframeAtMs = this.#clock.monotonic();
  }

  /** A viewer that has nothing yet: any picture is better than none, so only the GOP's being whole counts. */
  #begin(): void {
    const { stream } = this;
    const start = this.#record && stream.startFor(this.#record.fromMs);
    this.#goOn(start ?? stream.nextIndex);
    if (!stream.isVideo || (!this.#record && this.#startReplay())) return;
    if (start === undefined) this.#mode = 'waiting';
    this.#advance();
  }

  /** A recorder's frames were dropped before a link too slow let them leave: it goes on with the oldest that are kept. */
  #skipToKept(): Frame | undefined {
    const first = this.#record && this.stream.oldestKeyframe;
    if (first) this.#record?.onSkipped(first);
    if (first) this.#goOnFrom(first);
    return first;
  }

  #tryRefresh(): boolean {
    const intervalMs = this.replays === 1 ? FIRST_REPLAY_INTERVAL_MS : REPLAY_INTERVAL_MS;
    if (this.#clock.monotonic() - this.#replayedAtMs < intervalMs) return false;
    return this.stream.replayEndsInTime(this.#pacer.rateKbps) && this.#startReplay();
  }

  /** A viewer that is behind anyway gets to the live edge sooner by another's whole GOP than by what is left of this one. */
  #replayHelps(other: MediaStream): boolean {
    if (other.replayEndsInTime(this.#pacer.rateKbps)) return true;
    return (
      this.#isReplaying && (other.gop?.payloadBytes ?? Infinity) < this.stream.bytesFrom(this.#nextFrame)
    );
  }

  #startReplay(): boolean {
    const { gop, nextIndex } = this.stream;
    if (gop === undefined) return false;
    this.#nextFrame = gop.start;
    this.#nextPayload = 0;
    this.#replayEnd = nextIndex;
    this.#replayedAtMs = this.#clock.monotonic();
    this.replays += 1;
    this.#replay();
    return true;
  }

  /** From the next frame to the newest, as the pace is now. */
  #replay(): void {
    if (this.#isReplaying) {
      this.#timeline.beginReplay(this.stream, this.#nextFrame, this.#pacer.rateKbps);
      this.#replayEnd = this.stream.nextIndex;
    }
    this.#advance();
  }

  #setNextStream(stream: MediaStream | undefined): void {
    this.#nextStream?.detach(this);
    this.#nextStream = stream;
    stream?.attach(this);
  }

  #adoptNextStream(stream: MediaStream): void {
    this.stream.detach(this);
    this.stream = stream;
    this.#nextStream = undefined;
  }
}
