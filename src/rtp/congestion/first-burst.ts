import { ProbeResult } from './probe-result.ts';

const BURST_MS = 20;
/** A sender that was kept from sending for so long says nothing of the link: the burst ends before, where it has so much. */
const GAP = { ms: 5, bytes: 6000 };
const ENOUGH = { packets: 5, bytes: 3000 };
/** Sound between the packets of a picture is no part of their burst. */
const MIN_PACKET_BYTES = 400;

/** The first packets of a session, sent as fast as the pacer lets them go, are the first probe. */
export class FirstBurst {
  readonly id = 255;
  beganAtMs = -Infinity;
  /** Another each time that the burst begins again. */
  result: ProbeResult | undefined;
  #lastAtMs = -Infinity;
  #bytes = 0;

  /** A packet leaves: true where it belongs to the burst. */
  add(bytes: number, atMs: number): boolean {
    if (bytes < MIN_PACKET_BYTES || !this.#goesOn(atMs)) return false;
    this.#lastAtMs = atMs;
    this.#bytes += bytes;
    if (this.result) this.result.sentBytes = this.#bytes;
    return true;
  }

  /** A few packets make no burst: it begins again until there is one. */
  #goesOn(atMs: number): boolean {
    const isOver = atMs - this.#lastAtMs >= GAP.ms && this.#bytes >= GAP.bytes;
    if (!isOver && atMs - this.beganAtMs < BURST_MS) return true;
    if (this.#bytes >= ENOUGH.bytes) return false;
    this.beganAtMs = atMs;
    this.#bytes = 0;
    this.result = new ProbeResult(this.id, ENOUGH.packets, ENOUGH.bytes);
    return true;
  }
}
