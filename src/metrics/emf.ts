import { MAX_VALUES } from './distribution.ts';
import type { Unit } from './sample.ts';

/** A figure as it is published: one value, or at most 100. */
export interface Metric {
  name: string;
  unit: Unit;
  value: number | readonly number[];
}

export interface EmfContext {
  namespace: string;
  timestampMs: number;
  /** At least one; each makes metrics of its own in CloudWatch, which are paid for. */
  dimensions: Readonly<Record<string, string>>;
  /** Found in the log, by search, and nowhere in CloudWatch's metrics. */
  properties: Readonly<Record<string, string>>;
  maxBytes?: number;
}

/** As many go through IoT Core for the price of one message: it meters 5 KB. */
const MAX_BYTES = 4096;
const MAX_METRICS = 100;

/**
 * Documents in CloudWatch's embedded metric format, as JSON: as few as the limits allow (4 KB and 100 metrics each). What is no finite
 * number is left out.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function emfDocuments(metrics: readonly Metric[], context: EmfContext): string[] {
  const { maxBytes = MAX_BYTES } = context;
  const emptyBytes = Buffer.byteLength(serialise([], context));
  const documents: string[] = [];
  let batch: Metric[] = [];
  let bytes = emptyBytes;
  for (const metric of metrics.flatMap(publishable)) {
    const added = addedBytes(metric);
    if (batch.length > 0 && (bytes + added > maxBytes || batch.length === MAX_METRICS)) {
      documents.push(serialise(batch, context));
      batch = [];
      bytes = emptyBytes;
    }
    batch.push(metric);
    bytes += added;
  }
  if (batch.length > 0) documents.push(serialise(batch, context));
  return documents;
}

function publishable({ name, unit, value }: Metric): Metric[] {
  if (typeof value === 'number') return isTaken(value) ? [{ name, unit, value: short(value) }] : [];
  const values = value.filter(isTaken).slice(0, MAX_VALUES).map(short);
  return values.length > 0 ? [{ name, unit, value: values }] : [];
}

/** CloudWatch refuses larger ones (PutMetricData); nothing measured is near. */
function isTaken(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) < 2 ** 360;
}

/** Two decimals are finer than anything measured, and short. */
function short(value: number): number {
  return Math.round(value * 100) / 100;
}

function addedBytes(metric: Metric): number {
  const separators = 2;
  const member = JSON.stringify({ [metric.name]: metric.value }).length - 2;
  return Buffer.byteLength(JSON.stringify(definition(metric))) + member + separators;
}

function definition({ name, unit }: Metric): { Name: string; Unit: Unit } {
  return { Name: name, Unit: unit };
}

function serialise(metrics: readonly Metric[], context: EmfContext): string {
  const { namespace, timestampMs, dimensions, properties } = context;
  return JSON.stringify({
    _aws: {
      Timestamp: timestampMs,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [Object.keys(dimensions)],
          Metrics: metrics.map(definition),
        },
      ],
    },
    ...properties,
    ...dimensions,
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
  });
}
