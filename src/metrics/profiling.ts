import type { Clock } from '../runtime/clock.ts';
import type { Durations, Span, ViewerTimeline } from './durations.ts';
import { answerProfiling, type ProfilingTimes } from './kvs-profiling.ts';

/** The data channel of a viewer. */
export interface ProfilingChannel {
  onMessage: (message: string | Buffer) => void;
  send(message: string): boolean;
}

interface Profiled {
  readonly timeline: ViewerTimeline;
}

/** Serves AWS's test page what it plots: how long each step on the way to its picture took, and when. */
export class Profiling {
  readonly #durations: Durations;
  readonly #clock: Clock;
  /** Epoch milliseconds of the viewers' offers. */
  readonly #offeredAtMs = new WeakMap<Profiled, number>();

  constructor(durations: Durations, clock: Clock) {
    this.#durations = durations;
    this.#clock = clock;
  }

  /** A viewer's offer has come. */
  joined(viewer: Profiled): void {
    this.#offeredAtMs.set(viewer, this.#clock.now());
  }

  serve(channel: ProfilingChannel, viewer: Profiled): void {
    channel.onMessage = (message) => {
      const answers = answerProfiling(message.toString(), this.#clock.now(), () => this.#times(viewer));
      for (const answer of answers) channel.send(answer);
    };
  }

  #times(viewer: Profiled): ProfilingTimes {
    const offeredAtMs = this.#offeredAtMs.get(viewer) ?? this.#clock.now();
    const { answered = 0, dtlsConnected = 0, ...found } = viewer.timeline;
    const { hostGathered = 0, reflexiveFound = 0, relayFound = 0 } = found;
    const steps = {
      describeChannel: this.#durations.latest('describeChannel'),
      getSignalingChannelEndpoint: this.#durations.latest('getEndpoints'),
      getIceServerConfig: this.#durations.latest('getIceServers'),
      getToken: this.#durations.latest('getCredentials'),
      connect: this.#durations.latest('connectAsMaster'),
    };
    const after = (ms: number): Span => ({ startMs: offeredAtMs, endMs: offeredAtMs + ms });
    return {
      ...Object.fromEntries(Object.entries(steps).filter(([, span]) => span !== undefined)),
      signaling: spanOf(steps.describeChannel, steps.getSignalingChannelEndpoint, steps.connect),
      offerReceiptTime: offeredAtMs,
      sendAnswerTime: offeredAtMs + answered,
      peerConnection: after(dtlsConnected),
      candidateGathering: after(Math.max(hostGathered, reflexiveFound, relayFound)),
    };
  }
}

/** From the first start to the last end; nothing where none is known. */
function spanOf(...spans: (Span | undefined)[]): Span {
  const known = spans.filter((span) => span !== undefined);
  if (known.length === 0) return { startMs: 0, endMs: 0 };
  return {
    startMs: Math.min(...known.map(({ startMs }) => startMs)),
    endMs: Math.max(...known.map(({ endMs }) => endMs)),
  };
}
