import { MAX_PACKET_BYTES } from './packet.ts';

/** RFC 6928; browsers do so too. */
const INITIAL_WINDOW_BYTES = 10 * MAX_PACKET_BYTES;
const MIN_WINDOW_BYTES = 4 * MAX_PACKET_BYTES;
const MAX_WINDOW_BYTES = 4 * 1024 * 1024;
/** RFC 9260 section 16 has 1 s, 1 s and 60 s; a viewer waits for an answer, and browsers go down to 200 ms, too. */
const INITIAL_TIMEOUT_MS = 500;
const MIN_TIMEOUT_MS = 200;
const MAX_TIMEOUT_MS = 10_000;

/** How much may be under way, and how long an acknowledgement may take (RFC 9260 sections 6.3.1, 7.2). */
export class Congestion {
  windowBytes = INITIAL_WINDOW_BYTES;
  timeoutMs = INITIAL_TIMEOUT_MS;
  #thresholdBytes = Infinity;
  #partialBytes = 0;
  #smoothedMs: number | undefined;
  #variationMs = 0;

  /** @param wasFull What was under way filled the window: else nothing is learned about the path. */
  onAcknowledged(bytes: number, wasFull: boolean): void {
    if (!wasFull) return;
    if (this.windowBytes <= this.#thresholdBytes) {
      this.#grow(Math.min(bytes, 2 * MAX_PACKET_BYTES));
      return;
    }
    this.#partialBytes += bytes;
    if (this.#partialBytes < this.windowBytes) return;
    this.#partialBytes -= this.windowBytes;
    this.#grow(MAX_PACKET_BYTES);
  }

  onLoss(): void {
    this.#thresholdBytes = Math.max(this.windowBytes / 2, MIN_WINDOW_BYTES);
    this.windowBytes = this.#thresholdBytes;
    this.#partialBytes = 0;
  }

  onTimeout(): void {
    this.onLoss();
    this.windowBytes = MAX_PACKET_BYTES;
    this.timeoutMs = Math.min(2 * this.timeoutMs, MAX_TIMEOUT_MS);
  }

  onRoundTrip(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
    const timeoutMs = this.#smoothedMs + 4 * this.#variationMs;
    this.timeoutMs = Math.min(Math.max(timeoutMs, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  }

  /** Nothing was sent for a while: what was learned about the path is old (RFC 9260 section 7.2.1). */
  onIdle(): void {
    this.windowBytes = Math.min(this.windowBytes, INITIAL_WINDOW_BYTES);
  }

  #grow(bytes: number): void {
    this.windowBytes = Math.min(this.windowBytes + bytes, MAX_WINDOW_BYTES);
  }
}
