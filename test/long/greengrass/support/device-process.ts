/**
 * A nucleus with the agent as its component, in a process of their own: started where the device is, say in a network
 * namespace. Argument: `DeviceOptions` as JSON. Answers each message over Node's channel with the component's life so
 * far; `stop` ends it first. Ends with the process that started it.
 */
import { startDeviceNucleus } from '../../../cloud/nucleus/cloud-nucleus.ts';
import type { ComponentState } from '../../../cloud/nucleus/component-runner.ts';
import type { DeviceSettings } from '../../../cloud/nucleus/nucleus-configuration.ts';
import type { Personality } from '../../../cloud/nucleus/recipe.ts';
import { installAgent } from '../../../e2e/support/component-site.ts';

export interface DeviceOptions {
  personality: Personality;
  settings: DeviceSettings;
  configuration: Record<string, unknown>;
  environment: Record<string, string>;
}

export interface ComponentLife {
  history: ComponentState[];
  exitCodes: number[];
  /** The newest part. */
  output: string;
  /** After `stop`: how long it took, and whether something had to be killed. */
  stopped?: { tookMs: number; killed: boolean };
}

const options: DeviceOptions = JSON.parse(process.argv[2] ?? '');
const core = await startDeviceNucleus(options.settings, { personality: options.personality });
const runner = installAgent(core.nucleus, options.configuration, options.environment);
runner.start();

process.once('disconnect', () => void core.close());
process.on('message', (message) => void answer(message === 'stop'));

async function answer(isStop: boolean): Promise<void> {
  const startedAt = performance.now();
  const stopped = isStop ? { killed: await runner.stop(), tookMs: performance.now() - startedAt } : undefined;
  const { history, exitCodes, output } = runner;
  const life: ComponentLife = {
    history,
    exitCodes,
    output: output.slice(-3000),
    ...(stopped && { stopped }),
  };
  process.send?.(life);
}
