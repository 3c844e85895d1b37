import { errorText } from '../errors.ts';
import { within, type Clock } from '../runtime/clock.ts';

/** `fail`: pictures will not flow, or not safely. `warn`: they do, but not for ever or not everywhere. `skip`: not configured, or not to be known. */
export type Verdict = 'pass' | 'warn' | 'fail' | 'skip';

export interface Finding {
  check: string;
  verdict: Verdict;
  /** What was found; never a secret. */
  detail: string;
  /** What to do about it. */
  cure?: string;
}

/** One look at the device. What it throws is a failure. */
export interface Check {
  name: string;
  run: () => Promise<Finding[]>;
  /** Where what it throws has no cure of its own. */
  cure?: string;
}

const TIMEOUT_MS = 30_000;

export function found(check: string, verdict: Verdict, detail: string, cure?: string): Finding {
  return { check, verdict, detail, ...(cure !== undefined && cure !== '' && { cure }) };
}

/** All checks at once, in the order given; one that hangs fails. Never rejects. */
export async function examine(checks: readonly Check[], clock: Clock): Promise<Finding[]> {
  const findings = await Promise.all(
    checks.map(async ({ name, run, cure }) => {
      try {
        return await within(clock, TIMEOUT_MS, 'no result', run());
      } catch (error) {
        return [found(name, 'fail', errorText(error), cure)];
      }
    }),
  );
  return findings.flat();
}

export function passed(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict !== 'fail');
}
