import type { Clock } from '../runtime/clock.ts';
import { GopReplay, type ReplaySink } from './gop-replay.ts';
import type { Frame, FrameSink, MediaStream } from './media-stream.ts';
import type { PacketOutput } from './packet-output.ts';
import type { RtpTimeline } from './rtp-timeline.ts';
import type { SentSpans } from './sent-spans.ts';

/** A viewer that asks for a picture gets at most one replay in this time. */
const REPLAY_INTERVAL_MS = 1000;
/** The first may be repeated sooner: when its first packet is lost, a browser knows nothing to ask for but another. */
const FIRST_REPLAY_INTERVAL_MS = 150;
const UNKNOWN_FRAME_MS = 33;

/** stopped: sends nothing; waiting: for a key frame; live: each frame as it comes, after a replay if there is one. */
type Mode = 'stopped' | 'waiting' | 'live';

/** Decides which frames one viewer gets and when: live, by GOP replay, or none before the next key frame. */
export class FrameSender implements FrameSink, ReplaySink {
  frames = 0;
  replays = 0;
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
  #replay: GopReplay | undefined;
  #replayKbps: number;
  /** Frames of a replay from this index on came after it began, and keep their own time. */
  #replayEnd = 0;
  #replayedAtMs = -Infinity;
  /** Set for a recorder, which gets each frame once and with its own time. */
  readonly #recordFromMs: number | undefined;
  /** The viewer needs a picture that it could not be given at once. */
  #refreshWanted = false;
  /** Timestamp of the frame that is being sent in parts. */
  #ticks = 0;

  constructor(
    stream: MediaStream,
    output: PacketOutput,
    spans: SentSpans,
    timeline: RtpTimeline,
    clock: Clock,
    replayKbps: number,
    recordFromMs?: number,
  ) {
    this.stream = stream;
    this.#output = output;
    this.#spans = spans;
    this.#timeline = timeline;
    this.#clock = clock;
    this.#replayKbps = replayKbps;
    this.#recordFromMs = recordFromMs;
  }

  get paused(): boolean {
    return this.#mode === 'stopped';
  }

  setReplayRate(kbps: number): void {
    this.#replayKbps = kbps;
    if (this.#replay) this.#replay.rateKbps = kbps;
  }

  start(): void {
    if (this.#mode !== 'stopped') return;
    this.stream.attach(this);
    this.#begin();
  }

  pause(): void {
    this.#cancelReplay();
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
    if (this.#mode === 'live' && stream.isVideo && !this.#replayEndsInTime(stream)) return;
    this.#adoptNextStream(stream);
    this.#begin();
  }

  /** Gives the viewer a decodable picture as soon as the budget allows: by replay, or by the next key frame. */
  refresh(): void {
    if (!this.stream.isVideo || this.#mode !== 'live' || this.#replay) return;
    if (this.#recordFromMs !== undefined) return;
    if (!this.#tryRefresh()) this.#refreshWanted = true;
  }

  onFrame(frame: Frame, stream: MediaStream): void {
    if (stream === this.#nextStream) {
      if (!frame.keyframe) return;
      this.#adoptNextStream(stream);
    }
    if (frame.keyframe) {
      if (this.#mode === 'waiting') this.#mode = 'live';
      // What is left of the old GOP is not needed any more, but to a recorder.
      if (this.#recordFromMs === undefined) this.#cancelReplay();
    }
    if (this.#mode !== 'live' || this.#replay) return;
    if (this.#refreshWanted && !frame.keyframe && this.#tryRefresh()) return;
    this.sendPart(frame, 0, frame.payloads.count);
  }

  sendPart(frame: Frame, from: number, to: number): void {
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

  replayEnded(reachedLive: boolean): void {
    this.#replay = undefined;
    if (!reachedLive) this.#mode = 'waiting';
  }

  #beginFrame(frame: Frame): void {
    const replayed = this.#replay !== undefined && frame.index < this.#replayEnd;
    this.#ticks = replayed
      ? this.#timeline.replayed(this.#replayEnd - 1 - frame.index)
      : this.#timeline.live(frame.captureTimeMs, frame.pushedAtMs);
    this.frames += 1;
    this.lastFrameAtMs = this.#clock.now();
    this.firstFrameAtMs ??= this.#clock.monotonic();
    if (!frame.keyframe) return;
    this.#refreshWanted = false;
    this.keyframeIndex = this.#output.nextIndex;
    this.keyframeAtMs = this.#clock.monotonic();
  }

  /** A viewer that has nothing yet: any picture is better than none, so only the GOP's being whole counts. */
  #begin(): void {
    this.#mode = 'live';
    if (this.#recordFromMs !== undefined) this.#catchUp(this.#recordFromMs);
    else if (this.stream.isVideo && !this.#startReplay()) this.#mode = 'waiting';
  }

  #catchUp(fromMs: number): void {
    const start = this.stream.startFor(fromMs);
    if (start === undefined) {
      if (this.stream.isVideo) this.#mode = 'waiting';
      return;
    }
    this.#replay = new GopReplay(this.stream, start, this.#replayKbps, this.#clock, this);
    this.#replay.start();
  }

  #tryRefresh(): boolean {
    const intervalMs = this.replays === 1 ? FIRST_REPLAY_INTERVAL_MS : REPLAY_INTERVAL_MS;
    if (this.#clock.monotonic() - this.#replayedAtMs < intervalMs) return false;
    return this.#replayEndsInTime(this.stream) && this.#startReplay();
  }

  /** Whether a replay would reach the live edge before the next key frame is due, which does the same for less. */
  #replayEndsInTime({ gop, keyframeDueInMs }: MediaStream): boolean {
    return gop !== undefined && (gop.payloadBytes * 8) / this.#replayKbps < keyframeDueInMs;
  }

  #startReplay(): boolean {
    const { stream } = this;
    const { gop, nextIndex } = stream;
    const newest = stream.frame(nextIndex - 1);
    if (gop === undefined || newest === undefined) return false;
    const before = stream.frame(nextIndex - 2) ?? newest;
    const frameMs = newest.captureTimeMs - before.captureTimeMs || UNKNOWN_FRAME_MS;
    this.#timeline.beginReplay(nextIndex - gop.start, newest.captureTimeMs, frameMs);
    this.#replayEnd = nextIndex;
    this.#replayedAtMs = this.#clock.monotonic();
    this.replays += 1;
    this.#replay = new GopReplay(stream, gop.start, this.#replayKbps, this.#clock, this);
    this.#replay.start();
    return true;
  }

  #cancelReplay(): void {
    this.#replay?.cancel();
    this.#replay = undefined;
  }

  #setNextStream(stream: MediaStream | undefined): void {
    this.#nextStream?.detach(this);
    this.#nextStream = stream;
    stream?.attach(this);
  }

  #adoptNextStream(stream: MediaStream): void {
    this.#cancelReplay();
    this.stream.detach(this);
    this.stream = stream;
    this.#nextStream = undefined;
  }
}
