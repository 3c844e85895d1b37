import type { Metric } from './emf.ts';
import type { MetricGroup, Sample } from './sample.ts';

/**
 * What has happened since the last time: the growth of every counter, rates, gauges as they are, measured values. Taken once, it is not
 * there a second time. A counter that did not grow is left out; one that fell began anew.
 */
export class Growth {
  #last = new Map<string, number>();
  #lastAtMs: number | undefined;

  /** `nowMs` is of the monotonic clock. */
  take(groups: readonly MetricGroup[], nowMs: number): { group: MetricGroup; metrics: Metric[] }[] {
    const seconds = this.#lastAtMs === undefined ? 0 : (nowMs - this.#lastAtMs) / 1000;
    this.#lastAtMs = nowMs;
    const current = new Map<string, number>();
    const taken = groups.map((group) => {
      const owner = JSON.stringify(group.properties);
      const metrics = group.samples.flatMap((sample) => {
        if (sample.kind === 'gauge') return [plain(sample, sample.value)];
        const key = `${owner}${sample.name}`;
        current.set(key, sample.value);
        return growth(sample, this.#last.get(key) ?? 0, seconds);
      });
      for (const distribution of group.distributions) {
        const value = distribution.take();
        if (value.length > 0) metrics.push({ name: distribution.name, unit: distribution.unit, value });
      }
      return { group, metrics };
    });
    // Cameras that are gone are forgotten.
    this.#last = current;
    return taken;
  }
}

function growth(sample: Sample, last: number, seconds: number): Metric[] {
  const { value, rate } = sample;
  const grown = value >= last ? value - last : value;
  const metrics = grown > 0 ? [plain(sample, grown)] : [];
  if (rate && seconds > 0)
    metrics.push({ name: rate.name, unit: rate.unit, value: (rate.scale * grown) / seconds });
  return metrics;
}

function plain({ name, unit }: Sample, value: number): Metric {
  return { name, unit, value };
}
