import { createServer } from 'node:http';
import { orAborted } from '../runtime/clock.ts';
import type { MetricGroup, Sample, Unit } from './sample.ts';

const PREFIX = 'kvs_webrtc_';
/** Prometheus counts in base units and names them; https://prometheus.io/docs/practices/naming/ */
const BASE_UNITS: Partial<Record<Unit, { suffix: string; scale: number }>> = {
  Milliseconds: { suffix: '_seconds', scale: 0.001 },
  Seconds: { suffix: '_seconds', scale: 1 },
  Bytes: { suffix: '_bytes', scale: 1 },
  Percent: { suffix: '_ratio', scale: 0.01 },
  'Kilobits/Second': { suffix: '_bits_per_second', scale: 1000 },
};

/**
 * The text format 0.0.4: counters and gauges, measured values as summaries of count and sum.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText(groups: readonly MetricGroup[]): string {
  const families = new Map<string, { type: string; lines: string[] }>();
  const add = (name: string, type: string, lines: string[]) => {
    const family = families.get(name) ?? { type, lines: [] };
    family.lines.push(...lines);
    families.set(name, family);
  };
  for (const { properties, samples, distributions } of groups) {
    const labels = labelText(properties);
    for (const sample of samples) {
      const { name, value } = named(sample, sample.value);
      add(name, sample.kind, [`${name}${labels} ${value}`]);
    }
    for (const distribution of distributions) {
      const { unit, sum } = distribution;
      const { name, value } = named({ name: distribution.name, unit, kind: 'gauge' }, sum);
      add(name, 'summary', [`${name}_sum${labels} ${value}`, `${name}_count${labels} ${distribution.count}`]);
    }
  }
  return [...families]
    .map(([name, { type, lines }]) => `# TYPE ${name} ${type}\n${lines.join('\n')}\n`)
    .join('');
}

function named({ name, unit, kind }: Pick<Sample, 'name' | 'unit' | 'kind'>, value: number) {
  const base = BASE_UNITS[unit] ?? { suffix: '', scale: 1 };
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  // `sentBytes` has its unit already.
  const suffix = snake.endsWith(base.suffix) ? '' : base.suffix;
  return {
    name: `${PREFIX}${snake}${suffix}${kind === 'counter' ? '_total' : ''}`,
    value: value * base.scale,
  };
}

function labelText(properties: Readonly<Record<string, string>>): string {
  const labels = Object.entries(properties).map(
    ([key, value]) =>
      `${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}="${value.replace(/["\\\n]/g, '\\$&')}"`,
  );
  return labels.length > 0 ? `{${labels.join(',')}}` : '';
}

export interface PrometheusOptions {
  port: number;
  collect: () => Promise<MetricGroup[]>;
  /** Told the port when it listens. */
  onListening?: (port: number) => void;
}

/** `GET http://127.0.0.1:<port>/metrics` until `signal` aborts; rejects where the port is taken. Loopback only: it has no access control. */
export async function servePrometheus(options: PrometheusOptions, signal: AbortSignal): Promise<void> {
  const { port, collect, onListening } = options;
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    collect().then(
      (groups) =>
        response
          .writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
          .end(prometheusText(groups)),
      () => response.writeHead(500).end(),
    );
  });
  const failed = new Promise<never>((_, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`no Prometheus endpoint on port ${port} (metrics.prometheusPort)`, { cause })),
    );
  });
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object' && address) onListening?.(address.port);
  });
  try {
    await orAborted(signal, failed);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
