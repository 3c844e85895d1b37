/**
 * The packaged artifact, started from its recipe by a nucleus of either kind: milliseconds from the start of its script
 * to the connected master.
 *   node test/bench/artifact-start.ts [starts]
 * Fails where the median of either is above the bound.
 */
import { startLocalCloud } from '../cloud/local-cloud.ts';
import type { Personality } from '../cloud/nucleus/recipe.ts';
import { install, packagedDevice, startNucleus } from '../e2e/support/packaged-device.ts';
import { median } from './support/figures.ts';

const STARTS = Number(process.argv[2] ?? 7);
const BOUND_MS = 800;
const TIMEOUT_MS = 30_000;

const device = packagedDevice();
const cloud = await startLocalCloud({ iotCore: true });
try {
  for (const personality of ['classic', 'lite'] as const) {
    const times: number[] = [];
    for (let i = 1; i <= STARTS; i++) times.push(await start(personality, `${personality}-${i}`));
    const figure = median(times);
    const isWithin = figure <= BOUND_MS;
    process.stdout.write(
      `${isWithin ? 'within' : 'ABOVE '}  ${personality}: median ${figure} ms of ${times.join(', ')} (at most ${BOUND_MS})\n`,
    );
    if (!isWithin) process.exitCode = 1;
  }
} finally {
  await cloud.close();
  device.remove();
}

async function start(personality: Personality, thingName: string): Promise<number> {
  const channelName = `${thingName}-front`;
  cloud.createChannel(channelName);
  const core = await startNucleus(cloud, thingName, personality);
  try {
    const runner = install(core, cloud, device);
    runner.start();
    await runner.until(({ state }) => state === 'STARTING', TIMEOUT_MS);
    const startedAt = Date.now();
    const match = { role: 'MASTER', channelName } as const;
    return (await cloud.events.waitFor('connected', match, { timeoutMs: TIMEOUT_MS })).at - startedAt;
  } finally {
    await core.close();
  }
}
