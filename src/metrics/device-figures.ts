import { readdir, readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { descendantsFigures, processFigures } from './process-tree.ts';
import { counter, gauge, type Rate, type Sample } from './sample.ts';

const THERMAL = '/sys/class/thermal';
/** The histogram holds the time between two looks, this among it. Each look wakes the device: at 50 ms they were half of what the agent takes at rest. */
const DELAY_RESOLUTION_MS = 100;

/** Of the device and the agent's processes, as the kernel tells: CPU and memory, ours and the captures', temperature, event loop. */
export class DeviceFigures {
  readonly #thermal: string;
  #delay: ReturnType<typeof monitorEventLoopDelay> | undefined;

  /** `thermal`: where the kernel shows its thermal zones. */
  constructor(thermal: string = THERMAL) {
    this.#thermal = thermal;
  }

  start(): void {
    this.#delay ??= monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    this.#delay.enable();
  }

  close(): void {
    this.#delay?.disable();
  }

  /** Event-loop delays are those since the last call. */
  async samples(): Promise<Sample[]> {
    const [own, captures, celsius] = await Promise.all([
      processFigures('self'),
      descendantsFigures(),
      hottest(this.#thermal),
    ]);
    return [
      ...(own ? [counter('agentCpuTime', own.cpuSeconds, 'Seconds', percentOfCore('agentCpu'))] : []),
      counter('captureCpuTime', captures.cpuSeconds, 'Seconds', percentOfCore('captureCpu')),
      ...gauge('agentMemory', own?.residentBytes, 'Bytes'),
      ...gauge('captureMemory', captures.residentBytes, 'Bytes'),
      ...gauge('temperatureCelsius', celsius, 'None'),
      ...gauge('loadAverage', loadavg()[0], 'None'),
      ...this.#eventLoop(),
    ];
  }

  #eventLoop(): Sample[] {
    const delay = this.#delay;
    if (!delay || delay.count === 0) return [];
    const samples = [
      ...gauge('eventLoopDelayP99', lateMs(delay.percentile(99)), 'Milliseconds'),
      ...gauge('eventLoopDelayMax', lateMs(delay.max), 'Milliseconds'),
    ];
    delay.reset();
    return samples;
  }
}

/** The histogram is in nanoseconds. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS);
}

/** 100 is one core. */
function percentOfCore(name: string): Rate {
  return { name, unit: 'Percent', scale: 100 };
}

/** The hottest zone, °C; undefined where the kernel shows none. */
async function hottest(folder: string): Promise<number | undefined> {
  const zones = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('thermal_zone'));
  const readings = await Promise.all(
    zones.map(async (zone) => {
      const milliCelsius = await readFile(`${folder}/${zone}/temp`, 'utf8').catch(() => '');
      return milliCelsius.trim() === '' ? Number.NaN : Number(milliCelsius) / 1000;
    }),
  );
  const known = readings.filter(Number.isFinite);
  return known.length > 0 ? Math.max(...known) : undefined;
}
