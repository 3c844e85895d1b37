import { Socket } from 'node:dgram';
import { PacketOutput } from '../../../src/rtp/packet-output.ts';
import { Retransmitter } from '../../../src/rtp/retransmitter.ts';
import { RtpSender } from '../../../src/rtp/rtp-sender.ts';

/** How the packets of this process were repaired. */
export interface RepairFigures {
  /** Packets that were repeated for a NACK or for what feedback told. */
  repaired: number;
  /** Of them, those that were repeated once only. */
  once: number;
  /** From the NACK's datagram to the repetition's: of the 99 in 100 quickest, and the slowest. */
  p99Ms: number;
  maxMs: number;
}

/** Copies of one repetition leave together. */
const SAME_TRY_MS = 5;

/** Watches every repetition of this process; the returned function tells of those so far. */
export function watchRepairs(): () => RepairFigures {
  const tries = new Map<string, { count: number; atMs: number }>();
  const delaysMs: number[] = [];
  let arrivedAtMs = 0;
  let answering = false;
  let padding = false;
  around(Socket, 'emit', (call) => {
    arrivedAtMs = performance.now();
    return call();
  });
  around(RtpSender, 'onNack', (call) => {
    answering = true;
    call();
    answering = false;
  });
  around(Retransmitter, 'pad', (call) => {
    padding = true;
    const sent = call();
    padding = false;
    return sent;
  });
  around(PacketOutput, 'retransmit', (call, output, args) => {
    const result = call();
    if (padding) return result;
    const nowMs = performance.now();
    if (answering) delaysMs.push(nowMs - arrivedAtMs);
    const key = `${Reflect.get(output, 'ssrc')} ${String(args[3])}`;
    const earlier = tries.get(key);
    if (earlier && nowMs - earlier.atMs < SAME_TRY_MS) return result;
    tries.set(key, { count: (earlier?.count ?? 0) + 1, atMs: nowMs });
    return result;
  });
  return () => {
    const sorted = delaysMs.toSorted((a, b) => a - b);
    return {
      repaired: tries.size,
      once: [...tries.values()].filter(({ count }) => count === 1).length,
      p99Ms: sorted[Math.floor(0.99 * sorted.length)] ?? 0,
      maxMs: sorted.at(-1) ?? 0,
    };
  };
}

/** Puts `wrap` around a method of a class. */
function around(
  { prototype }: { prototype: object },
  name: string,
  wrap: (call: () => unknown, self: object, args: unknown[]) => unknown,
): void {
  const method: unknown = Reflect.get(prototype, name);
  if (typeof method !== 'function') throw new Error(`no method ${name}`);
  Reflect.set(prototype, name, function wrapped(this: object, ...args: unknown[]) {
    return wrap(() => Reflect.apply(method, this, args), this, args);
  });
}
