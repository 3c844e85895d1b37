import type { Distribution } from './distribution.ts';

/** Units as CloudWatch knows them (MetricDatum, `Unit`). */
export type Unit =
  'None' | 'Count' | 'Percent' | 'Milliseconds' | 'Seconds' | 'Bytes' | 'Kilobits/Second' | 'Count/Second';

/** How fast a counter grows, published beside its growth: `scale` × increase a second. */
export interface Rate {
  name: string;
  unit: Unit;
  scale: number;
}

/**
 * One figure as it is now. A counter only grows, from the agent's start on, and is published as its growth; a gauge is published as it
 * is.
 */
export interface Sample {
  name: string;
  unit: Unit;
  kind: 'counter' | 'gauge';
  value: number;
  rate?: Rate;
}

/** What is measured about one thing: the device, or one of its cameras. */
export interface MetricGroup {
  /** Tell the thing apart, e.g. `{camera: 'front', channelName: 'shop-front'}`; never dimensions. */
  properties: Readonly<Record<string, string>>;
  samples: readonly Sample[];
  distributions: readonly Distribution[];
}

export function counter(name: string, value: number, unit: Unit = 'Count', rate?: Rate): Sample {
  return { name, unit, kind: 'counter', value, ...(rate && { rate }) };
}

/** A figure that is not known at the moment is no sample. */
export function gauge(name: string, value: number | undefined, unit: Unit = 'Count'): Sample[] {
  return value === undefined ? [] : [{ name, unit, kind: 'gauge', value }];
}
