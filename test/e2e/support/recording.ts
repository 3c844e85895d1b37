import type { Recording } from './browser.ts';

/** The test source's period of flash and beep. */
const FLASH_PERIOD_MS = 1000;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Frame numbers of all delivered pictures; throws where one cannot be read. */
export function frameNumbers({ decoded }: Recording): number[] {
  return decoded.map(({ strip }, index) => {
    if (!strip) throw new Error(`picture ${index} of ${decoded.length} has no readable strip`);
    return strip.frameNumber;
  });
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
  return shown.flatMap(({ strip, displayedAt }) =>
    strip ? [sinceCapture(strip.captureMs, displayedAt)] : [],
  );
}

/**
 * For each beep the milliseconds by which it comes after the display of the first picture with the flash nearest to
 * it; negative: before. A picture whose display was not seen is taken to have had the usual latency.
 */
export function soundAfterFlashMs(recording: Recording): number[] {
  const { decoded, shown, beeps } = recording;
  const usualLatencyMs = median(latenciesMs(recording));
  const displayedAt = new Map(shown.map((picture) => [picture.strip?.frameNumber, picture.displayedAt]));
  const onsets = decoded.filter(({ flash }, index) => flash && decoded[index - 1]?.flash === false);
  return beeps.flatMap((beep) => {
    const offsets = onsets.flatMap(({ strip }) => {
      if (!strip) return [];
      const seen = displayedAt.get(strip.frameNumber);
      return [seen === undefined ? sinceCapture(strip.captureMs, beep) - usualLatencyMs : beep - seen];
    });
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
