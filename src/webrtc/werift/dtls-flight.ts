import type { Clock, Timer } from '../../runtime/clock.ts';

/** Fits every path without fragmentation: 1280 (IPv6) less headers of IP, UDP and TURN. */
const MAX_DATAGRAM_BYTES = 1_200;
/** RFC 6347 section 4.2.4.1 begins with a second; browsers begin with 50 ms, and a lost datagram must not cost more than that. */
const RETRY_MS = 100;
/** Doubled up to here, so that a fifth of all datagrams lost does not end a handshake before its time is over. */
const MAX_RETRY_MS = 1_600;
/** A peer that repeats itself in several datagrams wants one answer. */
const MIN_REPEAT_MS = 20;

/**
 * Our side of the DTLS handshake on the wire: records of one flight share datagrams (five lost chances become one), and the last
 * flight is repeated until the peer moves on, byte for byte, at once when the peer asks for it.
 */
export class DtlsFlight {
  readonly #send: (datagram: Buffer) => void;
  readonly #clock: Clock;
  #records: Buffer[] = [];
  #isAnswered = false;
  #flushing = false;
  #timer: Timer | undefined;
  #isStopped = false;
  #sentAtMs = -Infinity;

  constructor(send: (datagram: Buffer) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** One or more records of the current flight; the first after `answered` begins a new one. */
  add(record: Buffer): void {
    // werift repeats what it sent before, on timers of its own.
    if (this.#records.includes(record)) return;
    if (this.#isAnswered) this.#records = [];
    this.#isAnswered = false;
    this.#records.push(record);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#repeat(RETRY_MS);
    });
  }

  /** The peer has moved on; should a part of its answer be missing, repeating ours makes it repeat, too. */
  answered(): void {
    this.#isAnswered = true;
  }

  /** The peer repeats its flight: ours was lost. */
  repeat(): void {
    if (this.#clock.monotonic() - this.#sentAtMs >= MIN_REPEAT_MS) this.#transmit();
  }

  /** Nothing is repeated any more unless the peer asks. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #repeat(waitMs: number): void {
    this.#transmit();
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#clock.after(waitMs, () => this.#repeat(Math.min(2 * waitMs, MAX_RETRY_MS)));
  }

  #transmit(): void {
    this.#sentAtMs = this.#clock.monotonic();
    let datagram: Buffer[] = [];
    let bytes = 0;
    for (const record of this.#records) {
      if (bytes > 0 && bytes + record.length > MAX_DATAGRAM_BYTES) {
        this.#send(Buffer.concat(datagram, bytes));
        datagram = [];
        bytes = 0;
      }
      datagram.push(record);
      bytes += record.length;
    }
    if (bytes > 0) this.#send(Buffer.concat(datagram, bytes));
  }
}
