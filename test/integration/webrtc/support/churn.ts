import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DtlsCertificate } from '../../../../src/webrtc/werift/dtls.ts';
import { StubViewer } from './stub-viewer.ts';
import type { StubMaster } from './stub-master.ts';

/** Viewers at a time. */
const AT_ONCE = 5;
/** The master reads 25 offers a second. */
const MS_PER_JOIN = 45;

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

/** Bytes in use after garbage is collected. */
export async function heapInUse(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    if (typeof collectGarbage === 'function') collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

const SETTLE_MS = 5_000;

/** How many of a kind (`UDPWrap`, `Timeout` …) are open. */
export function open(kind: string): number {
  return process.getActiveResourcesInfo().filter((each) => each === kind).length;
}

/** Resolves when no more of a kind are open than `bound`: sockets close, and werift's timers end, a little later. */
export async function settled(kind: string, bound: number): Promise<void> {
  const giveUpAt = performance.now() + SETTLE_MS;
  while (open(kind) > bound) {
    if (performance.now() > giveUpAt)
      throw new Error(`${open(kind)} of ${kind} stay open, ${bound} are known`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** `count` viewers join, see a picture and leave in one of three ways: goodbye, without a word (replaced by the next), or mid-handshake. */
export async function churn(stub: StubMaster, own: DtlsCertificate, count: number): Promise<void> {
  const endsBefore = stub.ends.length;
  let next = 0;
  const startedAt = performance.now();
  const worker = async (name: number) => {
    while (next < count) {
      const index = next++;
      const dueInMs = startedAt + index * MS_PER_JOIN - performance.now();
      if (dueInMs > 0) await new Promise((resolve) => setTimeout(resolve, dueInMs));
      await visit(stub, new StubViewer(`viewer-${name}`, own), index % 3);
    }
    // Those that left without a word.
    const last = new StubViewer(`viewer-${name}`, own);
    await visit(stub, last, 0);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => worker(i)));
  await stub.ended(endsBefore + count + AT_ONCE);
}

async function visit(stub: StubMaster, viewer: StubViewer, way: number): Promise<void> {
  if (way === 2) {
    await stub.answerTo(viewer.clientId, await viewer.offer());
    viewer.close();
    return;
  }
  await stub.join(viewer);
  await viewer.packetsReceived(5);
  if (way === 0) viewer.close();
  else viewer.vanish();
}
