import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { Distribution } from './distribution.ts';

/**
 * What is timed on the way from start to picture, milliseconds each: the twelve of the reference implementation in C, then ours. What
 * a viewer waits for beside another step is timed from the same start.
 */
export const DURATIONS = [
  'describeChannel',
  'getEndpoints',
  'getIceServers',
  'connectAsMaster',
  'getCredentials',
  /** From the offer. */
  'gatherHostCandidates',
  /** From the start of the gathering, which is the answer, to the first such candidate. */
  'gatherReflexiveCandidates',
  'gatherRelayCandidates',
  'joinStorageSession',
  /** From the answer to the nominated candidate pair. */
  'findCandidatePair',
  'dtlsHandshake',
  /** From the offer. */
  'sendFirstFrame',
  'offerToAnswer',
  'answerToConnected',
  /** From the offer to the first picture; sound may come before it. */
  'firstKeyframe',
  /** From the camera's start to its first picture. */
  'cameraColdStart',
] as const;
export type DurationName = (typeof DURATIONS)[number];

/** Those on the way to the channel, which viewers share. */
const OF_CHANNEL: readonly DurationName[] = [
  'describeChannel',
  'getEndpoints',
  'getIceServers',
  'connectAsMaster',
  'getCredentials',
  'joinStorageSession',
];

/** Start and end, epoch milliseconds. */
export interface Span {
  startMs: number;
  endMs: number;
}

/** Milliseconds from the offer to each stage of a viewer's connection; what has not happened is missing. */
export interface ViewerTimeline {
  hostGathered?: number;
  answered?: number;
  reflexiveFound?: number;
  relayFound?: number;
  iceConnected?: number;
  dtlsConnected?: number;
  firstFrame?: number;
  firstKeyframe?: number;
}

/** The durations of one camera, or of the device. */
export class Durations {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #device: Durations | undefined;
  readonly #distributions = new Map<DurationName, Distribution>();
  readonly #latest = new Map<DurationName, Span>();

  /** `device`: of a camera, those of its device. */
  constructor(random: Random, clock: Clock, device?: Durations) {
    this.#random = random;
    this.#clock = clock;
    this.#device = device;
  }

  get distributions(): Distribution[] {
    return [...this.#distributions.values()];
  }

  record(name: DurationName, durationMs: number): void {
    let distribution = this.#distributions.get(name);
    if (!distribution) {
      distribution = new Distribution(name, 'Milliseconds', this.#random);
      this.#distributions.set(name, distribution);
    }
    distribution.add(durationMs);
    const endMs = this.#clock.now();
    this.#latest.set(name, { startMs: endMs - durationMs, endMs });
  }

  /** How long each step on the way to the channel took last, where it was needed. */
  latestOfChannel(): [DurationName, number][] {
    return OF_CHANNEL.flatMap((name): [DurationName, number][] => {
      const span = this.latest(name);
      return span ? [[name, span.endMs - span.startMs]] : [];
    });
  }

  /** When it was last, here or on the device; epoch milliseconds. */
  latest(name: DurationName): Span | undefined {
    return this.#latest.get(name) ?? this.#device?.latest(name);
  }
}

/** The durations that a viewer's timeline holds. */
export function viewerDurations(timeline: ViewerTimeline): Partial<Record<DurationName, number>> {
  const { hostGathered, answered, reflexiveFound, relayFound, iceConnected, dtlsConnected } = timeline;
  const all: [DurationName, number | undefined][] = [
    ['gatherHostCandidates', hostGathered],
    ['gatherReflexiveCandidates', between(answered, reflexiveFound)],
    ['gatherRelayCandidates', between(answered, relayFound)],
    ['findCandidatePair', between(answered, iceConnected)],
    ['dtlsHandshake', between(iceConnected, dtlsConnected)],
    ['sendFirstFrame', timeline.firstFrame],
    ['offerToAnswer', answered],
    ['answerToConnected', between(answered, dtlsConnected)],
    ['firstKeyframe', timeline.firstKeyframe],
  ];
  return Object.fromEntries(all.filter(([, durationMs]) => durationMs !== undefined));
}

/** Names and values of `durations`, in order of DURATIONS. */
export function entries(durations: Partial<Record<DurationName, number>>): [DurationName, number][] {
  return DURATIONS.flatMap((name) => {
    const durationMs = durations[name];
    return durationMs === undefined ? [] : [[name, durationMs] as [DurationName, number]];
  });
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}
