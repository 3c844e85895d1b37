import { buildConfig } from './config/build.ts';
import type { AgentConfig } from './config/config.ts';
import type { Layer } from './config/layers.ts';
import { deviceChecks } from './device-checks.ts';
import { examine, found, type Finding } from './doctor/finding.ts';
import { errorText } from './errors.ts';
import { SILENT } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';

export interface DiagnoseOptions {
  load: () => Promise<Layer[]>;
  env: NodeJS.ProcessEnv;
  scan: boolean;
  clock: Clock;
  random: Random;
}

/** Examines this device with a configuration. Never rejects. */
export async function diagnose({ load, ...options }: DiagnoseOptions): Promise<Finding[]> {
  let config: AgentConfig;
  try {
    config = buildConfig(await load());
  } catch (error) {
    return [found('configuration', 'fail', errorText(error), 'correct it; README.md lists every key')];
  }
  const cameras = Object.keys(config.cameras);
  const cure = 'name at least one camera under "cameras", here or in the shadow';
  const findings = [
    cameras.length > 0
      ? found('configuration', 'pass', `valid, cameras: ${cameras.join(', ')}`)
      : found('configuration', 'warn', 'valid, without cameras', cure),
  ];
  const stop = new AbortController();
  const checks = deviceChecks({ ...options, config, log: SILENT, signal: stop.signal });
  findings.push(...(await examine(checks, options.clock)));
  stop.abort();
  return findings;
}
