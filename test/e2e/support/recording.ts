import type { Recording, ViewerPage } from './browser.ts';

/** The test source's period of flash and beep. */
const FLASH_PERIOD_MS = 1000;

const LONGEST_MS = 60_000;

/** What a playing viewer is given while something is done. */
export async function recordDuring(
  viewer: ViewerPage,
  id: string,
  work: () => Promise<unknown>,
): Promise<Recording> {
  const recording = viewer.record(id, LONGEST_MS);
  try {
    await work();
  } finally {
    await viewer.page.evaluate(stopRecording, '/recorder.js');
  }
  return recording;
}

/** Runs in the page. */
async function stopRecording(script: string): Promise<void> {
  const recorder: { stop(): void } = await import(script);
  recorder.stop();
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Frame numbers of all delivered pictures; throws where one cannot be read. */
export function frameNumbers({ pictures }: Recording): number[] {
  return pictures.map(({ strip }, index) => {
    if (!strip) throw new Error(`picture ${index} of ${pictures.length} has no readable strip`);
    return strip.frameNumber;
  });
}

/** Pictures per second by the capture clock in them. */
export function recordedRate(recording: Recording): number {
  const strips = recording.pictures.flatMap(({ strip }) => (strip ? [strip] : []));
  const first = strips[0];
  const last = strips.at(-1);
  if (!first || !last) return 0;
  return ((strips.length - 1) * 1000) / ((last.captureMs - first.captureMs) >>> 0);
}

/** Where a number does not follow its predecessor, e.g. `101 → 103`. */
export function gaps(numbers: readonly number[]): string[] {
  return numbers.flatMap((number, index) => {
    const before = numbers[index - 1];
    return before === undefined || number === before + 1 ? [] : [`${before} → ${number}`];
  });
}

/** Milliseconds from the capture clock in each picture to its display. */
export function latenciesMs({ shown }: Recording): number[] {
  return shown.flatMap(({ strip, at }) => (strip ? [sinceCapture(strip.captureMs, at)] : []));
}

/** For each beep the milliseconds by which it comes after the flash nearest to it; negative: before. */
export function soundAfterFlashMs({ pictures, beeps }: Recording): number[] {
  const flashes = pictures.filter(({ flash }, index) => flash && pictures[index - 1]?.flash === false);
  return beeps.flatMap((beep) => {
    const offsets = flashes.map(({ at }) => beep - at);
    const nearest = offsets.toSorted((a, b) => Math.abs(a) - Math.abs(b))[0];
    // A beep at the edge of the recording has its flash outside.
    return nearest !== undefined && Math.abs(nearest) < FLASH_PERIOD_MS / 2 ? [nearest] : [];
  });
}

/** @param captureMs epoch milliseconds modulo 2³² */
function sinceCapture(captureMs: number, epochMs: number): number {
  const whole = Math.floor(epochMs);
  return ((whole - captureMs) | 0) + (epochMs - whole);
}
