import { Socket } from 'node:dgram';
import { PacketOutput } from '../../../src/rtp/packet-output.ts';
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

/** Watches every repetition of this process; the returned function tells of those so far. */
export function watchRepairs(): () => RepairFigures {
  const tries = new Map<string, number>();
  const delaysMs: number[] = [];
  let arrivedAtMs = 0;
  /** What is being answered; second copies and bursts of padding answer nothing. */
  let answering: 'NACK' | 'feedback' | undefined;
  around(Socket, 'emit', (call) => {
    arrivedAtMs = performance.now();
    return call();
  });
  for (const [method, what] of [
    ['onNack', 'NACK'],
    ['onTransportFeedback', 'feedback'],
  ] as const)
    around(RtpSender, method, (call) => {
      answering = what;
      call();
      answering = undefined;
    });
  around(PacketOutput, 'retransmit', (call, output, args) => {
    const sequence = call();
    if (answering === undefined) return sequence;
    if (answering === 'NACK') delaysMs.push(performance.now() - arrivedAtMs);
    const key = `${Reflect.get(output, 'ssrc')} ${String(args[3])}`;
    tries.set(key, (tries.get(key) ?? 0) + 1);
    return sequence;
  });
  return () => {
    const sorted = delaysMs.toSorted((a, b) => a - b);
    return {
      repaired: tries.size,
      once: [...tries.values()].filter((count) => count === 1).length,
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
