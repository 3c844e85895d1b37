import type { Sample } from './run-scenario.ts';
import type { SenderName } from './lab-sender.ts';
import type { Scenario } from './scenarios.ts';

/** One bound of a scenario and what was measured. */
export interface Check {
  name: string;
  value: number;
  bound: string;
  holds: boolean;
}

const DROP_MS = 3;
const RISE_MS = 8;
/** A display shows a picture up to this much later. */
const DISPLAY_MS = 17;
/** Rates and queues are those after the start. */
const SETTLE_SECONDS = 3;

export function judge(scenario: Scenario, samples: readonly Sample[]): Check[] {
  const { name, viewers, lossPercent, jitterMs } = scenario;
  const { shown, pages } = samples.at(-1)!;
  if (name === 'trickle') {
    const { atSeconds } = scenario.steps.at(-1)!;
    const better = samples.find(
      (sample) => sample.seconds > atSeconds && sample.shown[0]?.rendition === 'high',
    );
    return [atMost('the best picture again after, s', (better?.seconds ?? Infinity) - atSeconds, RISE_MS)];
  }
  if (name === 'bottleneck') return judgeLadder(scenario, samples, pages[0]!.totalFreezesMs);
  if (lossPercent > 0) {
    const { repaired, once, p99Ms } = shown[0]!.repairs;
    const firstTry =
      lossPercent === 1 ? [atLeast('repaired at the first try, %', (100 * once) / repaired, 98.5)] : [];
    return [
      atMost('freezes', pages[0]!.freezeCount, lossPercent >= 10 ? 2 : 0),
      atMost('NACK to repetition p99, ms', p99Ms, 2),
      ...firstTry,
    ];
  }
  if (jitterMs > 0) {
    const overUses = samples.filter((sample) => sample.shown[0]?.use === 'over').length;
    return [atMost('samples in over-use', overUses, 0), atMost('freezes', pages[0]!.freezeCount, 0)];
  }
  if (scenario.slow) return judgePair(samples);
  if (viewers === 2) {
    const before = startOf(samples)!;
    const bytes = pages.map(({ bytesReceived }, i) => bytesReceived - before.pages[i]!.bytesReceived);
    return [
      atLeast('share of the smaller, %', (100 * Math.min(...bytes)) / bytes.reduce((a, b) => a + b, 0), 40),
    ];
  }
  return [];
}

/** Against a bulk flow: what Chromium's own sender gets of the same link is the measure. */
export function judgeShare(
  { bulk }: Scenario,
  runs: Partial<Record<SenderName, readonly Sample[]>>,
): Check[] {
  if (bulk !== true || !runs.ours || !runs.chromium) return [];
  return [atLeast("ours to Chromium's own", receivedKbps(runs.ours) / receivedKbps(runs.chromium), 0.8)];
}

/** One line of figures that every sender has. */
export function summarise(samples: readonly Sample[]): string {
  const { seconds, pages, bulkBytes, shown } = samples.at(-1)!;
  const queues = samples.map(({ queueMs }) => queueMs).toSorted((a, b) => a - b);
  const each = pages.map(
    ({ freezeCount, totalFreezesMs, framesDecoded }, i) =>
      `${receivedKbps(samples, i).toFixed(0)} kbps, ${(framesDecoded / seconds).toFixed(1)} fps, ${freezeCount} freezes, ${(totalFreezesMs / (10 * seconds)).toFixed(1)} % frozen`,
  );
  const bulk =
    bulkBytes > 0
      ? `; bulk flow ${((8 * (bulkBytes - samples[0]!.bulkBytes)) / 1000 / seconds).toFixed(0)} kbps`
      : '';
  const stall = shown[0]?.stall;
  const stood = stall
    ? `; stood still for up to ${stall.ms.toFixed(0)} ms (busy ${stall.busyMs.toFixed(0)})`
    : '';
  return `${each.join(' | ')}; queue p95 ${queues[Math.floor(0.95 * queues.length)]!.toFixed(0)} ms${bulk}${stood}`;
}

/** After the start. */
function receivedKbps(samples: readonly Sample[], viewer = 0): number {
  const from = startOf(samples)!;
  const to = samples.at(-1)!;
  const bytes = to.pages[viewer]!.bytesReceived - from.pages[viewer]!.bytesReceived;
  return (8 * bytes) / 1000 / (to.seconds - from.seconds);
}

function startOf(samples: readonly Sample[]): Sample | undefined {
  return samples.find(({ seconds }) => seconds >= SETTLE_SECONDS);
}

/** What the first viewer's slow link does to the second viewer: nothing. */
function judgePair(samples: readonly Sample[]): Check[] {
  const settled = samples.filter(({ seconds }) => seconds >= SETTLE_SECONDS);
  const p99 = (visited: boolean) => {
    const late = settled
      .filter((sample) => sample.visited === visited)
      .flatMap(({ pages }) => pages[0]!.lateMs);
    return late.toSorted((a, b) => a - b)[Math.floor(0.99 * late.length)] ?? Infinity;
  };
  const best = settled.filter(({ shown }) => shown[0]?.rendition === 'high' && shown[0].reach === 'full');
  const lower = settled.filter(({ shown }) => shown[1] !== undefined && shown[1].rendition !== 'high');
  return [
    atLeast('time on the best rendition, %', (100 * best.length) / settled.length, 100),
    atLeast(
      'the other on a lower one, % of its time',
      (100 * lower.length) / settled.filter(({ visited }) => visited).length,
      80,
    ),
    atMost('pictures later beside the other, p99, ms', p99(true) - p99(false), DISPLAY_MS),
  ];
}

function judgeLadder(
  { steps, seconds: end }: Scenario,
  samples: readonly Sample[],
  frozenMs: number,
): Check[] {
  const checks: Check[] = [];
  let expectedSamples = 0;
  let onRung = 0;
  const queues: number[] = [];
  steps.forEach(({ atSeconds, kbps, expected }, i) => {
    const untilSeconds = steps[i + 1]?.atSeconds ?? end;
    const before = steps[i - 1]?.kbps ?? 0;
    const allowed = kbps < before ? DROP_MS : RISE_MS;
    const phase = samples.filter(({ seconds }) => seconds >= atSeconds && seconds < untilSeconds);
    const reached = phase.find(({ shown }) => shown[0]?.rendition === expected)?.seconds ?? Infinity;
    checks.push(atMost(`${kbps} kbps: ${expected} reached after, s`, reached - atSeconds, allowed));
    const later = phase.filter(({ seconds }) => seconds >= atSeconds + allowed);
    expectedSamples += later.length;
    onRung += later.filter(({ shown }) => shown[0]?.rendition === expected).length;
    queues.push(
      ...phase.filter(({ seconds }) => seconds >= atSeconds + SETTLE_SECONDS).map(({ queueMs }) => queueMs),
    );
  });
  const sorted = queues.toSorted((a, b) => a - b);
  return [
    ...checks,
    atLeast('time on the expected rung, %', (100 * onRung) / expectedSamples, 85),
    atMost('frozen, % of the time', frozenMs / (10 * end), 2),
    atMost('queueing delay p95, ms', sorted[Math.floor(0.95 * sorted.length)] ?? 0, 150),
  ];
}

function atMost(name: string, value: number, bound: number): Check {
  return { name, value, bound: `≤ ${bound}`, holds: value <= bound };
}

function atLeast(name: string, value: number, bound: number): Check {
  return { name, value, bound: `≥ ${bound}`, holds: value >= bound };
}
