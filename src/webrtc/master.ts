import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Reach } from '../rtp/congestion/rung-choice.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { buildAnswer } from './answer.ts';
import { EarlyCandidates } from './early-candidates.ts';
import type { AudioPacket } from './incoming-audio.ts';
import { negotiate, refuse, type Capabilities, type Negotiation } from './negotiate.ts';
import type { DataChannel } from './sctp/data-channel.ts';
import { parseOffer, type Offer } from './sdp.ts';
import type { IceServer, SecureTransport } from './secure-transport.ts';
import type { SessionEnd } from './session-end.ts';
import { TokenBucket } from '../runtime/token-bucket.ts';
import { ViewerSession } from './viewer-session.ts';
import type { ViewerStreams } from './viewer-session-options.ts';

/** Where answers and candidates go; a message to a viewer that is gone is lost without an error. */
export interface MasterSignaling {
  sendAnswer(clientId: string, sdp: string): void;
  /** A `candidate:…` line. */
  sendCandidate(clientId: string, candidate: string): void;
}

/** What the viewers are served from. */
export interface MasterMedia {
  readonly streams: ViewerStreams;
  /** As of now: for the next viewer. */
  capabilities(clientId: string): Capabilities;
  /** Keeps the camera running until released. */
  acquire(): { release(): void };
}

export interface MasterOptions {
  channelName: string;
  /** As of now: how many viewers there may be, and after how long each is sent away (0: never). */
  limits: () => { max: number; maxSessionMinutes: number };
  /** Why no viewer is served at all, not even those that are here; undefined where they are. */
  barred?: () => string | undefined;
  media: MasterMedia;
  signaling: MasterSignaling;
  createTransport: () => SecureTransport;
  /** In groups: each is asked as soon as it is known. */
  iceServers: () => Array<Promise<readonly IceServer[]>>;
  /** Told of each session at its start; what it returns, at its end. */
  onSession: (session: ViewerSession) => (end: SessionEnd) => void;
  /** Some viewer's link lets through more, or less, of the picture than before. */
  onReach?: () => void;
  /** Labels of data channels that are opened to each viewer that has any. */
  openChannels?: () => readonly string[];
  /** A data channel is there, opened by the viewer or to it: the channel's listeners are to be set during the call. */
  onChannel: (channel: DataChannel, session: ViewerSession) => void;
  /** What a viewer says, where it may. */
  onAudio: (packet: AudioPacket, session: ViewerSession) => void;
  clock: Clock;
  random: Random;
  log: Log;
}

/** The service carries 5 descriptions a second for a master; a fleet of viewers that comes back at once has its burst. */
const OFFERS = { burst: 50, perSecond: 25 };
/** How often is looked whether a viewer may stay. */
const SEND_AWAY_MS = 10_000;
/** Of what viewers do wrong, so that a flood of it does not fill the log; all is counted. */
const COMPLAINTS = { burst: 20, perSecond: 1 };

export interface MasterCounters {
  offers: number;
  /** Offers that came too fast and were not read. */
  limited: number;
  refused: number;
  malformed: number;
  droppedCandidates: number;
  ends: Partial<Record<SessionEnd, number>>;
}

/** What one viewer's link carries, and how much of the picture is sent for that. */
export interface SlowestLink {
  estimateKbps: number;
  reach: Reach;
}

/** The master of one signaling channel: answers offers, one session per viewer, never more than its limit. */
export class Master {
  readonly counters: MasterCounters = {
    offers: 0,
    limited: 0,
    refused: 0,
    malformed: 0,
    droppedCandidates: 0,
    ends: {},
  };
  readonly #options: MasterOptions;
  readonly #sessions = new Map<string, ViewerSession>();
  readonly #running = new Set<Promise<void>>();
  readonly #early: EarlyCandidates;
  readonly #offerLimit: TokenBucket;
  readonly #complaintLimit: TokenBucket;
  #closed = false;

  constructor(options: MasterOptions) {
    this.#options = options;
    this.#early = new EarlyCandidates(options.clock);
    this.#offerLimit = new TokenBucket(OFFERS, options.clock);
    this.#complaintLimit = new TokenBucket(COMPLAINTS, options.clock);
  }

  /** Sessions that hold a viewer's place, connected or connecting. */
  get viewers(): number {
    return this.#sessions.size;
  }

  /** The link that carries least, of those that are known. */
  get slowest(): SlowestLink | undefined {
    let slowest: SlowestLink | undefined;
    for (const { estimateKbps, reach } of this.#sessions.values())
      if (estimateKbps !== undefined && estimateKbps < (slowest?.estimateKbps ?? Infinity))
        slowest = { estimateKbps: Math.round(estimateKbps), reach };
    return slowest;
  }

  onOffer(clientId: string, sdp: string): void {
    if (this.#closed) return;
    this.counters.offers += 1;
    if (!this.#offerLimit.take()) {
      this.counters.limited += 1;
      return;
    }
    let offer: Offer;
    try {
      offer = parseOffer(sdp);
    } catch (error) {
      this.counters.malformed += 1;
      this.#complain({ clientId, error: errorText(error) }, 'offer ignored');
      return;
    }
    const negotiation = negotiate(offer, this.#options.media.capabilities(clientId));
    const session = this.#sessions.get(clientId);
    if (negotiation.ok && session?.isContinuedBy(offer, negotiation))
      return session.renegotiate(offer, negotiation);
    session?.close('replaced');
    this.#sessions.delete(clientId);
    if (!negotiation.ok) return this.#refuse(clientId, offer, negotiation);
    const full = this.#fullHouse();
    if (full !== undefined) this.#refuse(clientId, offer, refuse(offer, full));
    else this.#begin(clientId, offer, negotiation);
  }

  onCandidate(clientId: string, candidate: string): void {
    if (candidate === '' || this.#closed) return;
    const session = this.#sessions.get(clientId);
    const kept = session ? session.addRemoteCandidate(candidate) : this.#early.keep(clientId, candidate);
    if (!kept) this.counters.droppedCandidates += 1;
  }

  /** Ends every session; settles when all of them are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const session of this.#sessions.values()) session.close('stopped');
    await Promise.all(this.#running);
  }

  #sendAway(session: ViewerSession, servedMs: number): void {
    const { barred, limits } = this.#options;
    const maxMs = 60_000 * limits().maxSessionMinutes;
    if (barred?.() !== undefined) session.close('barred');
    else if (maxMs > 0 && servedMs >= maxMs) session.close('time-limit');
  }

  #complain(details: object, message: string): void {
    if (this.#complaintLimit.take()) this.#options.log.warn(details, message);
  }

  /** Why there is no place. One held for an offer whose viewer has shown no sign of life yet, as stale offers do, is given away. */
  #fullHouse(): string | undefined {
    const barred = this.#options.barred?.();
    if (barred !== undefined) return barred;
    const { max } = this.#options.limits();
    if (this.#sessions.size < max) return undefined;
    for (const [clientId, session] of this.#sessions) {
      if (!session.silent) continue;
      session.close('displaced');
      this.#sessions.delete(clientId);
      return undefined;
    }
    return `all ${max} viewer places are taken (viewers.max)`;
  }

  #refuse(clientId: string, offer: Offer, negotiation: Negotiation & { ok: false }): void {
    const { signaling, random } = this.#options;
    this.counters.refused += 1;
    this.#complain({ clientId, reason: negotiation.reason, viewers: this.viewers }, 'viewer refused');
    signaling.sendAnswer(
      clientId,
      buildAnswer(offer, negotiation.decisions, undefined, new Map(), {
        sessionId: random.uint32(),
        version: 2,
      }),
    );
  }

  #begin(clientId: string, offer: Offer, negotiation: Negotiation & { ok: true }): void {
    const {
      media,
      signaling,
      createTransport,
      iceServers,
      openChannels,
      onChannel,
      onAudio,
      onReach,
      channelName,
      clock,
      random,
      log,
    } = this.#options;
    const session: ViewerSession = new ViewerSession({
      clientId,
      offer,
      negotiation,
      transport: createTransport(),
      streams: media.streams,
      streamId: channelName,
      iceServers,
      sendAnswer: (answer) => signaling.sendAnswer(clientId, answer),
      sendCandidate: (candidate) => signaling.sendCandidate(clientId, candidate),
      openChannels: openChannels?.() ?? [],
      onChannel: (channel) => onChannel(channel, session),
      onAudio: (packet) => onAudio(packet, session),
      ...(onReach && { onReach }),
      clock,
      random,
      log,
    });
    this.#sessions.set(clientId, session);
    for (const candidate of this.#early.take(clientId)) session.addRemoteCandidate(candidate);
    const work = this.#serve(session).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #serve(session: ViewerSession): Promise<void> {
    const { media, onSession, clock } = this.#options;
    const lease = media.acquire();
    const ended = onSession(session);
    const beganAtMs = clock.monotonic();
    const watch = clock.every(SEND_AWAY_MS, () => this.#sendAway(session, clock.monotonic() - beganAtMs));
    const end = await session.serve();
    watch.cancel();
    lease.release();
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    ended(end);
    this.counters.ends[end] = (this.counters.ends[end] ?? 0) + 1;
  }
}
