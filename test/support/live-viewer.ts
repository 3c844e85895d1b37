import { once } from 'node:events';
import type { LocalCloud } from '../cloud/local-cloud.ts';
import { connect, type SignalingClient } from '../integration/cloud/support/signaling-client.ts';
import { StubViewer } from '../integration/webrtc/support/stub-viewer.ts';
import { systemClock, within } from '../../src/runtime/clock.ts';
import { prepareCertificate, type DtlsCertificate } from '../../src/webrtc/werift/dtls.ts';

const ANSWER_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 20_000;

let certificate: Promise<DtlsCertificate> | undefined;

/** A viewer on a camera without sound that joins through signaling and watches how evenly pictures come. */
export class LiveViewer {
  pictures = 0;
  /** Packets that were left out. */
  lost = 0;
  readonly #viewer: StubViewer;
  readonly #firstPicture = Promise.withResolvers<void>();
  #longestGap = { ms: 0, endedAt: 0 };
  #lastPictureAtMs = 0;
  #nextSequence = -1;

  private constructor(clientId: string, own: DtlsCertificate) {
    this.#viewer = new StubViewer(clientId, own, (packet) => this.#received(packet));
  }

  /** Resolves when the first picture has come; rejects where the offer was not answered or no picture came. */
  static async join(cloud: LocalCloud, channelName: string, clientId: string): Promise<LiveViewer> {
    certificate ??= prepareCertificate();
    const live = new LiveViewer(clientId, await certificate);
    const offer = await live.#viewer.offer();
    const signaling = connect(cloud, 'VIEWER', { channelName, clientId });
    try {
      await signaling.opened();
      signaling.send('SDP_OFFER', { type: 'offer', sdp: offer });
      await live.#connect(signaling);
      return live;
    } catch (cause) {
      live.close();
      throw new Error(`${clientId} could not join ${channelName}`, { cause });
    } finally {
      await signaling.close();
    }
  }

  /** The longest that the picture has stood still since it first came, until now, and when that ended. */
  standstill(): { ms: number; endedAt: number } {
    this.#noteGap(performance.now());
    return this.#longestGap;
  }

  /** Forgets what it has seen so far. */
  begin(): void {
    this.pictures = 0;
    this.lost = 0;
    this.#longestGap = { ms: 0, endedAt: 0 };
  }

  /** Says goodbye and leaves. */
  close(): void {
    this.#viewer.close();
  }

  /** Takes the answer and every candidate, before it and after. */
  async #connect(signaling: SignalingClient): Promise<void> {
    let taken = 0;
    const takeCandidates = () => {
      for (const { messageType, payload } of signaling.frames.slice(taken))
        if (messageType === 'ICE_CANDIDATE') this.#viewer.addCandidate(member(payload, 'candidate'));
      taken = signaling.frames.length;
    };
    takeCandidates();
    signaling.socket.on('frame', takeCandidates);
    while (!signaling.frames.some(isAnswer))
      await once(signaling.socket, 'frame', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const answer = member(signaling.frames.find(isAnswer)?.payload, 'sdp');
    const connected = this.#viewer.accept(answer).then(() => this.#firstPicture.promise);
    await within(systemClock, CONNECT_TIMEOUT_MS, 'no picture came', connected);
  }

  #received(packet: Buffer): void {
    const type = packet.readUInt8(1);
    if (type >= 192 && type <= 223) return;
    const sequence = packet.readUInt16BE(2);
    if (this.#nextSequence >= 0) this.lost += (sequence - this.#nextSequence) & 0xffff;
    this.#nextSequence = (sequence + 1) & 0xffff;
    // The marker is on the last packet of a picture (RFC 6184).
    if (type < 0x80) return;
    const now = performance.now();
    if (this.#lastPictureAtMs > 0) this.#noteGap(now);
    this.pictures += 1;
    this.#lastPictureAtMs = now;
    this.#firstPicture.resolve();
  }

  #noteGap(now: number): void {
    const ms = now - this.#lastPictureAtMs;
    if (ms > this.#longestGap.ms) this.#longestGap = { ms, endedAt: Date.now() };
  }
}

function isAnswer({ messageType }: { messageType: string }): boolean {
  return messageType === 'SDP_ANSWER';
}

function member(payload: unknown, name: string): string {
  const value: unknown =
    typeof payload === 'object' && payload !== null ? Reflect.get(payload, name) : undefined;
  if (typeof value !== 'string') throw new Error(`no ${name} in ${JSON.stringify(payload)}`);
  return value;
}
