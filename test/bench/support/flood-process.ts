/** A viewer that sends messages without end, in a process of its own. Driven over IPC by `test/bench/flood.ts`. */
import { setInterval as every } from 'node:timers/promises';
import { StubViewer } from '../../integration/webrtc/support/stub-viewer.ts';
import { RELIABLE } from '../../support/channel-pair.ts';
import { prepareCertificate } from '../../../src/webrtc/werift/dtls.ts';
import type { DataChannel } from '../../../src/webrtc/sctp/data-channel.ts';
import { answerRequests } from './ipc.ts';

type FloodRequest =
  { type: 'offer' } | { type: 'accept'; answer: string } | { type: 'flood'; perSecond: number; ms: number };

/** What came of a flood. */
export interface Flood {
  /** Asked for, and of these not taken by our own end of the channel because the device does not keep up. */
  messages: number;
  refused: number;
  echoed: number;
}

const TICK_MS = 5;
const MESSAGE = 'a message of a viewer that does not stop';
const viewer = new StubViewer('flooder', await prepareCertificate());
let channel: DataChannel | undefined;
let echoed = 0;

async function handle(request: FloodRequest): Promise<unknown> {
  if (request.type === 'offer') {
    channel = viewer.withChannels().create({ label: 'flood', ...RELIABLE });
    channel.onMessage = () => void (echoed += 1);
    return viewer.offer();
  }
  if (request.type === 'flood') return flood(request.perSecond, request.ms);
  await viewer.accept(request.answer);
  return null;
}

async function flood(perSecond: number, ms: number): Promise<Flood> {
  const startedAt = performance.now();
  const earlier = echoed;
  let messages = 0;
  let refused = 0;
  for await (const _ of every(TICK_MS)) {
    const elapsedMs = performance.now() - startedAt;
    for (; messages < (Math.min(elapsedMs, ms) * perSecond) / 1_000; messages += 1)
      if (!channel?.send(MESSAGE)) refused += 1;
    if (elapsedMs >= ms) break;
  }
  return { messages, refused, echoed: echoed - earlier };
}

answerRequests((text) => {
  const request: FloodRequest = JSON.parse(text);
  return handle(request);
});
