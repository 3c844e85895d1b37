import { EventEmitter, once } from 'node:events';
import { systemClock, type Timer } from '../../../src/runtime/clock.ts';
import type { Channel } from '../channels.ts';
import type { CloudContext } from '../context.ts';
import type { StorageSessions } from '../kvs-data.ts';
import type { KvsSignaling } from '../kvs-signaling.ts';
import { isObject } from '../rest-api.ts';
import { RefusedMessage, type ClientMessage } from '../signaling-message.ts';
import type { StorageSide } from '../signaling-room.ts';
import { RecordedMedia } from './recorded-media.ts';
import { StoragePeer } from './storage-peer.ts';

/** How the service behaves; AWS's way, as far as it is known, by default. */
export interface StorageSettings {
  offerDelayMs: number;
  /** So many of the next requests are taken, and no offer follows. */
  offersWithheld: number;
  /** So many of the next answers are not heeded. */
  answersIgnored: number;
  /** A session ends by itself after that. */
  sessionMs: number;
  /** When the newest session ends the former ones. */
  formerEnds: 'at-join' | 'when-connected' | 'never';
  offeredKinds: readonly ('video' | 'audio')[];
  /** How often a session tells what it has received. */
  reportEveryMs: number;
}

interface Recorded {
  media: RecordedMedia;
  peers: StoragePeer[];
  sessions: number;
}

/** Storage sessions: an offer for each request that is taken, without a sender, its candidates apart; the newest one wins. */
export class StorageService implements StorageSessions, StorageSide {
  readonly settings: StorageSettings = {
    offerDelayMs: 50,
    offersWithheld: 0,
    answersIgnored: 0,
    sessionMs: 3_600_000,
    formerEnds: 'when-connected',
    offeredKinds: ['video', 'audio'],
    reportEveryMs: 1_000,
  };
  readonly #context: CloudContext;
  readonly #signaling: KvsSignaling;
  readonly #channels = new Map<string, Recorded>();
  readonly #timers = new Set<Timer>();
  readonly #changes = new EventEmitter();

  constructor(context: CloudContext, signaling: KvsSignaling) {
    this.#context = context;
    this.#signaling = signaling;
  }

  join({ name }: Channel): void {
    const { offerDelayMs, formerEnds } = this.settings;
    if (formerEnds === 'at-join') this.#endFormer(name);
    if (this.settings.offersWithheld > 0) {
      this.settings.offersWithheld -= 1;
      return;
    }
    this.#after(offerDelayMs, () => void this.#offer(name));
  }

  receive(channelName: string, { action, messagePayload }: ClientMessage): void {
    const peer = this.#channel(channelName).peers.findLast(({ isOpen }) => isOpen);
    if (!peer) throw new RefusedMessage(404, 'ResourceNotFoundException', 'There is no storage session.');
    const payload: unknown = JSON.parse(Buffer.from(messagePayload, 'base64').toString());
    if (!isObject(payload)) throw new RefusedMessage(400, 'InvalidArgumentException', 'no JSON object');
    const { sdp, candidate } = payload;
    if (action === 'SDP_ANSWER' && typeof sdp === 'string') {
      if (this.settings.answersIgnored > 0) this.settings.answersIgnored -= 1;
      else peer.accept(sdp);
    } else if (action === 'ICE_CANDIDATE' && typeof candidate === 'string') peer.addCandidate(candidate);
    else throw new RefusedMessage(400, 'InvalidArgumentException', `what is ${action}?`);
  }

  media(channelName: string): RecordedMedia {
    return this.#channel(channelName).media;
  }

  /** Those that live, oldest first. */
  peers(channelName: string): StoragePeer[] {
    return this.#channel(channelName).peers.filter(({ isOpen }) => isOpen);
  }

  /** Sessions that were connected so far. */
  sessions(channelName: string): number {
    return this.#channel(channelName).sessions;
  }

  /** Resolves when so many sessions have been connected. */
  async connected(channelName: string, count: number, timeoutMs = 15_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.sessions(channelName) < count) await once(this.#changes, 'change', { signal });
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const { peers } of this.#channels.values()) for (const peer of peers) peer.close();
  }

  async #offer(channelName: string): Promise<void> {
    const recorded = this.#channel(channelName);
    const peer = new StoragePeer(recorded.peers.length + 1, recorded.media, this.settings.reportEveryMs);
    recorded.peers.push(peer);
    const { sdp, candidates } = await peer.offer(this.settings.offeredKinds);
    // The first candidate overtakes the offer, as it may.
    const [first, ...others] = candidates;
    if (first !== undefined) this.#send(channelName, 'ICE_CANDIDATE', { candidate: first, sdpMLineIndex: 0 });
    this.#send(channelName, 'SDP_OFFER', { type: 'offer', sdp });
    for (const candidate of others) this.#send(channelName, 'ICE_CANDIDATE', { candidate, sdpMLineIndex: 0 });
    peer.connected.promise.then(
      () => this.#begin(channelName, peer),
      () => {},
    );
  }

  #begin(channelName: string, peer: StoragePeer): void {
    const { formerEnds, sessionMs } = this.settings;
    const recorded = this.#channel(channelName);
    recorded.sessions += 1;
    if (formerEnds === 'when-connected') this.#endFormer(channelName, peer);
    this.#after(sessionMs, () => peer.close());
    this.#changes.emit('change');
  }

  #endFormer(channelName: string, kept?: StoragePeer): void {
    for (const peer of this.peers(channelName)) if (peer !== kept) peer.close();
  }

  #send(channelName: string, type: 'SDP_OFFER' | 'ICE_CANDIDATE', payload: object): void {
    const text = Buffer.from(JSON.stringify(payload)).toString('base64');
    this.#signaling.master(channelName)?.deliver(type, text, '');
    this.#context.events.add({
      type: 'message',
      channelName,
      from: 'VIEWER',
      clientId: '',
      action: type,
      outcome: 'delivered',
    });
  }

  #after(delayMs: number, callback: () => void): void {
    const timer = systemClock.after(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
  }

  #channel(name: string): Recorded {
    const known = this.#channels.get(name) ?? { media: new RecordedMedia(), peers: [], sessions: 0 };
    this.#channels.set(name, known);
    return known;
  }
}
