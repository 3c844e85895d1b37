/** What the link is from a moment on. */
export interface LinkStep {
  atSeconds: number;
  kbps: number;
  /** The rendition that it carries. */
  expected?: string;
}

export interface Scenario {
  name: string;
  seconds: number;
  /** Nothing: no bottleneck. */
  steps: LinkStep[];
  queueMs: number;
  /** Of all packets, either way. */
  lossPercent: number;
  /** Both ways together. */
  roundTripMs: number;
  jitterMs: number;
  /** Rungs of the ladder that are served; all by default. */
  rungs?: string[];
  viewers: number;
  /** One more viewer that comes and goes, behind a bottleneck of its own. */
  slow?: { kbps: number; queueMs: number; everySeconds: number };
  /** A bulk flow over TCP on the same link. */
  bulk?: boolean;
  /** Compared with stock werift's sender at a fixed rate and with Chromium's own. */
  compared?: boolean;
}

const plain = { queueMs: 300, lossPercent: 0, roundTripMs: 0, jitterMs: 0, viewers: 1 };

export const SCENARIOS: Scenario[] = [
  {
    ...plain,
    name: 'bottleneck',
    seconds: 80,
    compared: true,
    steps: [
      { atSeconds: 0, kbps: 3000, expected: 'high' },
      { atSeconds: 20, kbps: 1000, expected: 'middle' },
      { atSeconds: 40, kbps: 500, expected: 'low' },
      { atSeconds: 60, kbps: 3000, expected: 'high' },
    ],
  },
  ...[1, 5, 10].flatMap((lossPercent) =>
    [0, 60].map((roundTripMs) => ({
      ...plain,
      name: `loss-${lossPercent}-rtt-${roundTripMs}`,
      seconds: 60,
      steps: [],
      lossPercent,
      roundTripMs,
      rungs: ['high'],
      compared: lossPercent === 5 && roundTripMs === 60,
    })),
  ),
  {
    ...plain,
    name: 'jitter',
    seconds: 60,
    steps: [],
    roundTripMs: 100,
    jitterMs: 30,
    rungs: ['high'],
  },
  { ...plain, name: 'tcp', seconds: 60, steps: [{ atSeconds: 0, kbps: 3000 }], bulk: true, compared: true },
  {
    ...plain,
    name: 'trickle',
    seconds: 60,
    steps: [
      { atSeconds: 0, kbps: 3000, expected: 'high' },
      { atSeconds: 15, kbps: 70 },
      { atSeconds: 40, kbps: 3000, expected: 'high' },
    ],
  },
  {
    ...plain,
    name: 'pair',
    seconds: 80,
    steps: [{ atSeconds: 0, kbps: 10_600, expected: 'high' }],
    slow: { kbps: 600, queueMs: 300, everySeconds: 10 },
  },
  { ...plain, name: 'shared', seconds: 60, steps: [{ atSeconds: 0, kbps: 3000 }], viewers: 2 },
];
