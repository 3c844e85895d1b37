import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { MediaStream } from '../rtp/media-stream.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { buildAnswer, type LocalTrack } from './answer.ts';
import type { MediaDecision, Negotiation } from './negotiate.ts';
import { RtpSession, type OutgoingTrack } from './rtp-session.ts';
import type { Offer } from './sdp.ts';
import type { IceServer, SecureTransport } from './secure-transport.ts';
import type { SessionEnd } from './session-end.ts';

/** The streams that a viewer is served from, chosen when it connects. */
export interface ViewerStreams {
  video: MediaStream;
  audio: MediaStream | undefined;
}

export interface ViewerSessionOptions {
  clientId: string;
  offer: Offer;
  negotiation: Negotiation & { ok: true };
  transport: SecureTransport;
  streams: ViewerStreams;
  /** Names the stream to the browser. */
  streamId: string;
  iceServers: () => Promise<IceServer[]>;
  sendCandidate: (candidate: string) => void;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Milliseconds since the offer came, by stage; what has not happened is missing. */
export interface SessionTimeline {
  answered?: number;
  iceConnected?: number;
  dtlsConnected?: number;
}

/**
 * One viewer, from its offer to the end: `answer`, then `run`. Its failure ends this session and nothing else.
 */
export class ViewerSession {
  readonly clientId: string;
  readonly timeline: SessionTimeline = {};
  readonly #options: ViewerSessionOptions;
  readonly #startedAt: number;
  readonly #tracks = new Map<MediaDecision, LocalTrack>();
  #candidates: string[] | undefined = [];
  #media: RtpSession | undefined;
  #finish!: (end: SessionEnd) => void;
  readonly #finished = new Promise<SessionEnd>((resolve) => {
    this.#finish = resolve;
  });

  constructor(options: ViewerSessionOptions) {
    this.#options = options;
    this.clientId = options.clientId;
    this.#startedAt = options.clock.monotonic();
  }

  get connected(): boolean {
    return this.#media !== undefined;
  }

  /**
   * Answers the offer and serves the viewer. Resolves with the reason when the session is over and everything of it is closed;
   * never rejects.
   */
  async serve(sendAnswer: (sdp: string) => void): Promise<SessionEnd> {
    const { transport, clock, log } = this.#options;
    transport.onCandidate = (candidate) => this.#trickle(candidate);
    transport.onEnd = (end) => this.#finish(end === 'closed-by-peer' ? 'closed-by-viewer' : end);
    this.#connect(sendAnswer).catch((error: unknown) => {
      log.debug({ clientId: this.clientId, error: errorText(error) }, 'viewer did not connect');
      this.#finish('connect-failed');
    });
    const end = await this.#finished;
    this.#media?.close();
    await transport.close();
    const seconds = Math.round((clock.monotonic() - this.#startedAt) / 100) / 10;
    log.info({ clientId: this.clientId, end, seconds, timelineMs: this.timeline }, 'viewer session ended');
    return end;
  }

  addRemoteCandidate(candidate: string): boolean {
    return this.#options.transport.addRemoteCandidate(candidate);
  }

  close(end: SessionEnd): void {
    this.#finish(end);
  }

  /** The answer carries the host candidates; what STUN and TURN servers yield trickles after it and nothing waits for it. */
  async #answer(): Promise<string> {
    const { transport, offer, negotiation, random, streamId } = this.#options;
    const candidates = await transport.gatherHost();
    void this.#gatherServers();
    for (const decision of negotiation.decisions) {
      if (!decision.accepted || decision.kind === 'application') continue;
      this.#tracks.set(decision, {
        ssrc: random.uint32(),
        rtxSsrc: random.uint32(),
        cname: streamId,
        streamId,
      });
    }
    const { ice, fingerprint } = transport;
    const setup = this.#dtlsRole() === 'server' ? 'passive' : 'active';
    return buildAnswer(
      offer,
      negotiation.decisions,
      { ice, fingerprint, setup, candidates },
      this.#tracks,
      random.uint32(),
    );
  }

  /** RFC 8842 section 5.3: we prefer to be the server, which spares a round trip and werift's wait. */
  #dtlsRole(): 'client' | 'server' {
    return this.#options.negotiation.transport.setup === 'passive' ? 'client' : 'server';
  }

  async #gatherServers(): Promise<void> {
    const { iceServers, transport, log } = this.#options;
    try {
      await transport.gatherServers(await iceServers());
    } catch (error) {
      log.warn(
        { clientId: this.clientId, error: errorText(error) },
        'no ICE servers: only direct connections are possible',
      );
    }
  }

  #trickle(candidate: string): void {
    if (this.#candidates) this.#candidates.push(candidate);
    else this.#options.sendCandidate(candidate);
  }

  async #connect(sendAnswer: (sdp: string) => void): Promise<void> {
    const { transport, negotiation, clock, random, log } = this.#options;
    sendAnswer(await this.#answer());
    this.#mark('answered');
    for (const candidate of this.#candidates ?? []) this.#options.sendCandidate(candidate);
    this.#candidates = undefined;
    const keys = await transport.connect(negotiation.transport, this.#dtlsRole());
    if (transport.iceConnectedAt !== undefined)
      this.timeline.iceConnected = Math.round(transport.iceConnectedAt - this.#startedAt);
    this.#mark('dtlsConnected');
    this.#media = new RtpSession(this.#outgoing(), keys, transport, clock, random);
    this.#media.start();
    log.info(
      { clientId: this.clientId, route: transport.selectedPair(), timelineMs: this.timeline },
      'viewer connected',
    );
  }

  #outgoing(): OutgoingTrack[] {
    const { video, audio } = this.#options.streams;
    return [...this.#tracks].flatMap(([decision, local]) => {
      if (!decision.accepted || decision.kind === 'application') return [];
      const stream = decision.kind === 'video' ? video : audio;
      return stream ? [{ decision, local, stream }] : [];
    });
  }

  #mark(stage: keyof SessionTimeline): void {
    this.timeline[stage] = Math.round(this.#options.clock.monotonic() - this.#startedAt);
  }
}
