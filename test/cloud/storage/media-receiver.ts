import type { RtpPacket } from '../../support/rtp-packet.ts';
import { depacketize } from '../../support/rtp-depacketizer.ts';

/** One track's packets, put in order again and repaired: what a recorder does before it stores anything. */
export interface ReceivedFrame {
  timestamp: number;
  data: Buffer;
  keyframe: boolean;
}

export interface MediaReceiverOptions {
  codec: 'h264' | 'opus';
  onFrame: (frame: ReceivedFrame) => void;
  /** A picture could not be completed. */
  onIncomplete: () => void;
  /** A packet was waited for in vain. */
  onGivenUp: () => void;
}

/** So often is a missing packet asked for … */
const ASK_EVERY_MS = 40;
/** … and so long is it waited for. */
const GIVE_UP_MS = 1_500;
const IDR = 5;

export class MediaReceiver {
  ssrc = 0;
  highest = -1;
  received = 0;
  readonly #options: MediaReceiverOptions;
  readonly #packets = new Map<number, RtpPacket>();
  /** Extended sequence number of the first packet that was not handed on yet. */
  #next = -1;
  /** When missing packets were missed first and asked for last. */
  readonly #missing = new Map<number, { sinceMs: number; askedMs: number }>();
  /** A picture before it was lost: nothing is decodable before the next key frame, but it is kept all the same. */
  #frame: RtpPacket[] = [];
  #damaged = false;

  constructor(options: MediaReceiverOptions) {
    this.#options = options;
  }

  take(packet: RtpPacket): void {
    const { sequence } = packet;
    const index = this.highest < 0 ? sequence : this.highest + (((sequence - this.highest) << 16) >> 16);
    if (this.#next < 0) this.#next = index;
    if (index < this.#next || this.#packets.has(index)) return;
    this.received += 1;
    this.#packets.set(index, packet);
    this.#missing.delete(index);
    const now = performance.now();
    for (let at = Math.max(this.highest + 1, this.#next); at < index; at += 1)
      if (!this.#packets.has(at)) this.#missing.set(at, { sinceMs: now, askedMs: 0 });
    this.highest = Math.max(this.highest, index);
    this.#release();
  }

  /** Sequence numbers to ask for now; gives up what has been missing for too long. */
  wanted(): number[] {
    const now = performance.now();
    const wanted: number[] = [];
    for (const [index, entry] of this.#missing) {
      if (now - entry.sinceMs > GIVE_UP_MS) this.#giveUp(index);
      else if (now - entry.askedMs > ASK_EVERY_MS) {
        entry.askedMs = now;
        wanted.push(index & 0xffff);
      }
    }
    this.#release();
    return wanted;
  }

  #giveUp(index: number): void {
    this.#missing.delete(index);
    this.#options.onGivenUp();
    if (index !== this.#next) return;
    this.#damaged = true;
    this.#next += 1;
  }

  #release(): void {
    for (;;) {
      const packet = this.#packets.get(this.#next);
      if (!packet) {
        // Given up before its turn came.
        if (this.#next <= this.highest && !this.#missing.has(this.#next) && this.#next >= 0) {
          this.#damaged = true;
          this.#next += 1;
          continue;
        }
        return;
      }
      this.#packets.delete(this.#next);
      this.#next += 1;
      this.#add(packet);
    }
  }

  #add(packet: RtpPacket): void {
    const { codec, onFrame, onIncomplete } = this.#options;
    if (codec === 'opus') {
      onFrame({ timestamp: packet.timestamp, data: Buffer.from(packet.payload), keyframe: true });
      return;
    }
    if (this.#frame[0] && this.#frame[0].timestamp !== packet.timestamp) {
      this.#frame = [];
      this.#damaged = true;
      onIncomplete();
    }
    this.#frame.push(packet);
    if (!packet.marker) return;
    const payloads = this.#frame.map(({ payload }) => payload);
    const { timestamp } = packet;
    this.#frame = [];
    const wasDamaged = this.#damaged;
    this.#damaged = false;
    try {
      const data = depacketize('h264', payloads);
      onFrame({ timestamp, data, keyframe: hasIdr(data) });
    } catch (error) {
      if (!wasDamaged) throw error;
      onIncomplete();
    }
  }
}

function hasIdr(data: Buffer): boolean {
  for (let at = data.indexOf('\0\0\x01'); at >= 0; at = data.indexOf('\0\0\x01', at + 3))
    if (((data[at + 3] ?? 0) & 0x1f) === IDR) return true;
  return false;
}
