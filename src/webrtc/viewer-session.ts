import { errorText } from '../errors.ts';
import type { Reach } from '../rtp/congestion/rung-choice.ts';
import type { RtpSender } from '../rtp/rtp-sender.ts';
import type { RtpSenderStats } from '../rtp/rtp-sender-stats.ts';
import type { Timer } from '../runtime/clock.ts';
import { buildAnswer, type LocalTrack } from './answer.ts';
import { IncomingAudio } from './incoming-audio.ts';
import { isSameMedia, type Negotiation, type MediaDecision } from './negotiate.ts';
import { RtpSession, type OutgoingTrack } from './rtp-session.ts';
import type { Offer } from './sdp.ts';
import type { SrtpSessionKeys } from './secure-transport.ts';
import type { SessionEnd } from './session-end.ts';
import type { SessionTimeline } from './session-timeline.ts';
import { ShownRendition } from './shown-rendition.ts';
import { ViewerChannels } from './viewer-channels.ts';
import type { ViewerSessionOptions } from './viewer-session-options.ts';

/** A changed network settles first (addresses come one by one). */
const NETWORK_SETTLES_MS = 1_000;

/** One viewer, from its offer to the end. Its failure ends this session and nothing else. */
export class ViewerSession {
  readonly clientId: string;
  readonly #timeline: SessionTimeline = {};
  readonly #options: ViewerSessionOptions;
  readonly #peer: string;
  readonly #startedAt: number;
  readonly #origin: { sessionId: number; version: number };
  #offer: Offer;
  #negotiation: Negotiation & { ok: true };
  #tracks = new Map<MediaDecision, LocalTrack>();
  /** What it is shown, and how to choose; from `serve` on. */
  picture: ShownRendition | undefined;
  #media: RtpSession | undefined;
  #channels: ViewerChannels | undefined;
  #route: string | undefined;
  #regather: Timer | undefined;
  #finish!: (end: SessionEnd) => void;
  readonly #finished = new Promise<SessionEnd>((resolve) => {
    this.#finish = resolve;
  });

  constructor(options: ViewerSessionOptions) {
    this.#options = options;
    this.clientId = options.clientId;
    this.#peer = options.recorder ? 'storage' : 'viewer';
    this.#startedAt = options.clock.monotonic();
    this.#origin = { sessionId: options.random.uint32(), version: 1 };
    this.#offer = options.offer;
    this.#negotiation = options.negotiation;
  }

  /**
   * Answers the offer and serves the viewer. Resolves with the reason when the session is over and everything of it is closed;
   * never rejects.
   */
  async serve(): Promise<SessionEnd> {
    const { transport, streams, onReach, clock, log } = this.#options;
    const picture = new ShownRendition(streams.video, clock, onReach);
    this.picture = picture;
    transport.onEnd = (end) => this.#finish(end === 'closed-by-peer' ? 'closed-by-viewer' : end);
    transport.onNetworkChange = () => this.#networkChanged();
    this.#connect().catch((error: unknown) => {
      const reason = errorText(error);
      log.debug({ clientId: this.clientId, error: reason }, `${this.#peer} did not connect`);
      this.#options.recorder?.onFailure(reason);
      this.#finish('connect-failed');
    });
    const end = await this.#finished;
    this.#regather?.cancel();
    picture.close();
    this.#media?.close();
    this.#channels?.close();
    this.#route = this.route;
    transport.close();
    const seconds = Math.round((clock.monotonic() - this.#startedAt) / 100) / 10;
    const details = { clientId: this.clientId, end, seconds, timelineMs: this.timeline };
    log.info(details, `${this.#peer} session ended`);
    return end;
  }

  /** True when the offer comes from the peer connection that is being served: it is to be renegotiated, not replaced. */
  isContinuedBy(offer: Offer, { transport }: Negotiation & { ok: true }): boolean {
    const { fingerprints } = this.#negotiation.transport;
    const isKnown = transport.fingerprints.some(({ value }) =>
      fingerprints.some((known) => known.value === value),
    );
    return (
      this.#timeline.answered !== undefined &&
      offer.sessionId !== '' &&
      offer.sessionId === this.#offer.sessionId &&
      isKnown
    );
  }

  /** Another offer of the same peer connection: an ICE restart, other media, or both. DTLS and its role stay (RFC 8842 section 5.4). */
  renegotiate(offer: Offer, negotiation: Negotiation & { ok: true }): void {
    const { transport, sendAnswer, log } = this.#options;
    const before = this.#negotiation;
    const { ice, candidates } = negotiation.transport;
    const isRestart = ice.usernameFragment !== before.transport.ice.usernameFragment;
    this.#offer = offer;
    this.#negotiation = {
      ...negotiation,
      transport: { ...negotiation.transport, setup: before.transport.setup },
    };
    if (isRestart) transport.restart(negotiation.transport);
    else for (const candidate of candidates) transport.addRemoteCandidate(`candidate:${candidate}`);
    this.#tracks = this.#createTracks(before);
    Object.assign(this.#timeline, this.timeline);
    this.#media?.update(this.#outgoing());
    this.#channels?.update(this.#negotiation.decisions);
    sendAnswer(this.#answer());
    if (isRestart) this.#gatherServers();
    log.info({ clientId: this.clientId, iceRestart: isRestart }, 'viewer renegotiated');
  }

  get timeline(): SessionTimeline {
    const timeline = { ...this.#timeline };
    for (const sender of this.#media?.senders ?? []) {
      const { firstFrameAtMs } = sender.stats();
      if (firstFrameAtMs === undefined) continue;
      const ms = this.#sinceOffer(firstFrameAtMs);
      timeline.firstFrame = Math.min(ms, timeline.firstFrame ?? ms);
      // Video starts with a key frame.
      if (sender.stream.isVideo) timeline.firstKeyframe ??= ms;
    }
    return timeline;
  }

  /** One for each track that is sent; none before the viewer is connected. */
  get senders(): readonly RtpSender[] {
    return this.#media?.senders ?? [];
  }

  /** Of each track that is sent; none before the viewer is connected. */
  stats(): RtpSenderStats[] {
    return this.#media?.senders.map((sender) => sender.stats()) ?? [];
  }

  /** The viewer wants nothing for now, or again what it wanted. */
  pause(paused: boolean): void {
    this.#media?.pause(paused);
  }

  /** Type of our candidate in use. */
  get route(): string | undefined {
    return this.#options.transport.selectedPair()?.local.type ?? this.#route;
  }

  /** What the link is estimated to carry; undefined where that is not known. */
  get estimateKbps(): number | undefined {
    return this.picture?.estimate?.kbps;
  }

  /** How much of the rendition its link lets through. */
  get reach(): Reach {
    return this.picture?.reach ?? 'full';
  }

  /** Nothing has shown yet that there is anybody behind the offer. */
  get silent(): boolean {
    return !this.#options.transport.heard;
  }

  addRemoteCandidate(candidate: string): boolean {
    return this.#options.transport.addRemoteCandidate(candidate);
  }

  close(end: SessionEnd): void {
    this.#finish(end);
  }

  /** The answer carries the host candidates; what STUN and TURN servers yield trickles after it and nothing waits for it. */
  async #connect(): Promise<void> {
    const { transport, sendAnswer, sendCandidate, log } = this.#options;
    this.#channels = new ViewerChannels({ ...this.#options, dtlsRole: this.#dtlsRole() });
    this.#channels.update(this.#negotiation.decisions);
    await transport.gatherHost();
    this.#mark('hostGathered');
    this.#tracks = this.#createTracks();
    sendAnswer(this.#answer());
    transport.onCandidate = (candidate) => {
      this.#markCandidate(candidate);
      sendCandidate(candidate);
    };
    this.#mark('answered');
    const connected = transport.connect(this.#negotiation.transport, this.#dtlsRole());
    this.#gatherServers();
    const keys = await connected;
    if (transport.iceConnectedAt !== undefined)
      this.#timeline.iceConnected = this.#sinceOffer(transport.iceConnectedAt);
    this.#mark('dtlsConnected');
    this.#startMedia(keys);
    this.#channels.connected();
    log.info(
      { clientId: this.clientId, route: transport.selectedPair(), timelineMs: this.timeline },
      `${this.#peer} connected`,
    );
  }

  #answer(): string {
    const { transport } = this.#options;
    const { ice, fingerprint } = transport;
    const setup = this.#dtlsRole() === 'server' ? 'passive' : 'active';
    this.#origin.version += 1;
    return buildAnswer(
      this.#offer,
      this.#negotiation.decisions,
      { ice, fingerprint, setup, candidates: transport.candidates() },
      this.#tracks,
      this.#origin,
    );
  }

  /** RFC 8842 section 5.3: we prefer to be the server, which spares the client's first wait. */
  #dtlsRole(): 'client' | 'server' {
    return this.#negotiation.transport.setup === 'passive' ? 'client' : 'server';
  }

  #gatherServers(): void {
    const { iceServers, transport, log } = this.#options;
    const failed = (error: unknown) =>
      log.warn({ clientId: this.clientId, error: errorText(error) }, 'ICE servers cannot be had');
    for (const group of iceServers()) group.then((servers) => transport.gatherServers(servers)).catch(failed);
  }

  #networkChanged(): void {
    const { clock, log } = this.#options;
    this.#regather?.cancel();
    this.#regather = clock.after(NETWORK_SETTLES_MS, () => {
      log.info({ clientId: this.clientId }, 'the network changed: looking for other ways to the viewer');
      this.#gatherServers();
    });
  }

  /** A track that the new offer leaves as it was goes on; another begins with sources (and so key streams) of its own. */
  #createTracks(before?: Negotiation & { ok: true }): Map<MediaDecision, LocalTrack> {
    const { random, streamId } = this.#options;
    return new Map(
      this.#negotiation.decisions.flatMap((decision, i) => {
        if (!isSent(decision)) return [];
        const earlier = before?.decisions[i];
        const kept = earlier && isSameMedia(earlier, decision) ? this.#tracks.get(earlier) : undefined;
        const created = { ssrc: random.uint32(), rtxSsrc: random.uint32(), cname: streamId, streamId };
        return [[decision, kept ?? created] as const];
      }),
    );
  }

  #startMedia(keys: SrtpSessionKeys): void {
    const { transport, recorder, onAudio, clock, random } = this.#options;
    if (!this.picture) return;
    this.#media = new RtpSession(keys, transport, clock, random, this.picture, recorder);
    const audio = new IncomingAudio(keys.remote, () => this.#negotiation.decisions, onAudio, clock);
    this.#media.onRtp = (packet) => audio.receive(packet);
    this.#media.start(this.#outgoing());
  }

  #outgoing(): OutgoingTrack[] {
    const { audio } = this.#options.streams;
    return [...this.#tracks].flatMap(([decision, local]) => {
      if (!decision.accepted || decision.kind === 'application') return [];
      const stream = decision.kind === 'video' ? this.picture?.stream : audio;
      return stream ? [{ decision, local, stream }] : [];
    });
  }

  #mark(stage: keyof SessionTimeline): void {
    this.#timeline[stage] ??= this.#sinceOffer(this.#options.clock.monotonic());
  }

  /** The way to the viewer may be found before our own relay is: a gathering is timed to its end all the same. */
  #markCandidate(candidate: string): void {
    if (candidate.includes(' typ srflx')) this.#mark('reflexiveFound');
    if (candidate.includes(' typ relay')) this.#mark('relayFound');
  }

  /** Milliseconds, to a tenth. */
  #sinceOffer(monotonicMs: number): number {
    return Math.round((monotonicMs - this.#startedAt) * 10) / 10;
  }
}

function isSent(decision: MediaDecision): boolean {
  return decision.accepted && decision.kind !== 'application' && decision.sending;
}
