import type { MediaStream } from '../rtp/media-stream.ts';
import { within, type Clock } from '../runtime/clock.ts';
import type { SessionEnd } from './session-end.ts';
import type { ViewerSession } from './viewer-session.ts';
import type { Recorder } from './rtp-session.ts';
import { KEPT_MS, type StorageOptions } from './storage-status.ts';

/** RTP header with extensions, SRTP tag, UDP and IPv4, about. */
const PACKET_BYTES = 62;
/** Headers and repairs, and sound with its headers, about. */
const OVERHEAD = 1.1;
const SOUND_KBPS = 100;
/** A peer that reports is known to receive; one that has not by then is believed to. */
const FIRST_REPORT_MS = 3_000;
/** Silence is no sign of loss before … */
const SHORTEST_SILENCE_MS = 3_000;
/** … nor before so many of the peer's own intervals between reports. */
const MISSED_REPORTS = 3;
/** The interval of a peer that has reported once only. */
const UNKNOWN_INTERVAL_MS = 3_000;
/** RFC 7675: what was sent so long before consent ran out may have gone nowhere. */
const CONSENT_MS = 30_000;

/** Told by each peer. */
export interface RecordingListener {
  /** Its media starts, from when on, and what the former peers are known to have of it; monotonic. */
  onStart: () => { fromMs: number; coveredMs: number };
  /** It could not be given these pictures. */
  onLost: Recorder['onLost'];
}

/** One connection to the storage side, from its offer to the end, and what is known of its receiving. */
export class StoragePeer implements Recorder {
  /** Set at once after construction. */
  session!: ViewerSession;
  readonly kbps: number;
  readonly #video: MediaStream;
  readonly #clock: Clock;
  readonly #listener: RecordingListener;
  readonly #started = Promise.withResolvers<void>();
  readonly #receiving = Promise.withResolvers<void>();
  #ended: Promise<string> | undefined;
  #isEnded = false;
  /** When it was heard last, and until when what had left by then was pushed. */
  #heard: { atMs: number; untilMs: number } | undefined;
  #longestIntervalMs = 0;
  /** What is known to have left before it fell silent was pushed until then. */
  #silentFromMs: number | undefined;
  #failure = '';
  #formerUntilMs = -Infinity;
  #coveredUntilMs: number | undefined;

  constructor({ clock, maxBitrateKbps, video }: StorageOptions, listener: RecordingListener) {
    this.#clock = clock;
    this.kbps = maxBitrateKbps;
    this.#video = video;
    this.#listener = listener;
    // Nobody may be waiting any more when it fails.
    this.#started.promise.catch(() => {});
    this.#receiving.promise.catch(() => {});
  }

  /** Begins; once. */
  serve(): void {
    this.#ended = this.session.serve().then((end) => this.#end(end));
  }

  /** Resolves with the reason when everything of it is closed; never rejects. */
  get ended(): Promise<string> {
    return this.#ended ?? Promise.resolve('not begun');
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves when the peer receives. Rejects with why it does not; the connection itself takes at most 30 s. */
  async receiving(): Promise<void> {
    await this.#started.promise;
    const reported = within(this.#clock, FIRST_REPORT_MS, 'no report', this.#receiving.promise);
    await reported.catch((error: unknown) => {
      if (this.#isEnded) throw error;
    });
  }

  /** Connected, but not heard of for longer than it uses to be quiet, now or before. */
  get isSilent(): boolean {
    if (this.#silentFromMs === undefined && this.#isQuietTooLong) this.#silentFromMs = this.#heard?.untilMs;
    return this.#silentFromMs !== undefined;
  }

  /** Monotonic: what was pushed until then it is believed to have received; undefined where it never did receive. */
  get coveredUntilMs(): number | undefined {
    if (this.#isEnded || this.#coveredUntilMs === undefined) return this.#coveredUntilMs;
    // What was sent while it was silent it may not have, whatever it says later.
    const heardUntilMs = this.isSilent ? this.#silentFromMs : this.#heard?.untilMs;
    return heardUntilMs ?? this.#believed(this.#clock.monotonic() - FIRST_REPORT_MS);
  }

  /** Of a peer that was never heard: it has what was sent until then. */
  #believed(sentUntilMs: number): number {
    return Math.min(this.#sentUntilMs, Math.max(this.#coveredUntilMs ?? -Infinity, sentUntilMs));
  }

  /** Monotonic: what was pushed until then has left. What came later waits for the link, as after an outage. */
  get #sentUntilMs(): number {
    const times = this.session.senders.map(({ recordedUntilMs = Infinity }) => recordedUntilMs);
    return Math.min(this.#clock.monotonic(), ...times);
  }

  get #isQuietTooLong(): boolean {
    if (!this.#heard) return false;
    const intervalMs = this.#longestIntervalMs || UNKNOWN_INTERVAL_MS;
    const limitMs = Math.max(SHORTEST_SILENCE_MS, MISSED_REPORTS * intervalMs);
    return this.#clock.monotonic() - this.#heard.atMs > limitMs;
  }

  /** Payload and headers, about. */
  get sentBytes(): number {
    const stats = this.session.stats();
    return stats.reduce((sum, { packets, payloadBytes }) => sum + payloadBytes + PACKET_BYTES * packets, 0);
  }

  close(end: SessionEnd): void {
    this.session.close(end);
  }

  start(): number {
    const { fromMs, coveredMs } = this.#listener.onStart();
    this.#formerUntilMs = coveredMs;
    this.#coveredUntilMs = this.#clock.monotonic();
    this.#started.resolve();
    return fromMs;
  }

  needKbps(): number {
    const { kbps } = this.#video;
    return kbps === undefined ? this.kbps : Math.min(this.kbps, OVERHEAD * kbps + SOUND_KBPS);
  }

  onLost(fromMs: number, untilMs: number): void {
    const missingMs = Math.max(fromMs, this.#formerUntilMs);
    if (missingMs < untilMs) this.#listener.onLost(missingMs, untilMs);
  }

  onHeard(): void {
    const nowMs = this.#clock.monotonic();
    const untilMs = this.#sentUntilMs;
    const heard = this.#heard;
    if (heard && this.#isQuietTooLong) {
      this.#silentFromMs ??= heard.untilMs;
      this.onLost(heard.untilMs, untilMs);
    } else if (heard) this.#longestIntervalMs = Math.max(this.#longestIntervalMs, nowMs - heard.atMs);
    // Another session would not be given it any more.
    if (nowMs - (this.#silentFromMs ?? nowMs) > KEPT_MS) this.#silentFromMs = undefined;
    this.#heard = { atMs: nowMs, untilMs };
    this.#receiving.resolve();
  }

  onFailure(reason: string): void {
    this.#failure = reason;
  }

  #end(end: SessionEnd): string {
    this.#isEnded = true;
    const reason = describe(end, this.#failure);
    const error = new Error(reason);
    this.#started.reject(error);
    this.#receiving.reject(error);
    if (this.#coveredUntilMs === undefined) return reason;
    const nowMs = this.#clock.monotonic();
    const guessMs = this.#believed(end === 'consent-expired' ? nowMs - CONSENT_MS : nowMs);
    this.#coveredUntilMs = this.#silentFromMs ?? this.#heard?.untilMs ?? guessMs;
    return reason;
  }
}

function describe(end: SessionEnd, failure: string): string {
  if (end === 'connect-failed') return `the storage session could not be reached: ${failure}`;
  if (end === 'closed-by-viewer') return 'the storage session was ended by the service';
  if (end === 'consent-expired') return 'the storage session does not answer any more';
  return `the storage session was ${end}`;
}
