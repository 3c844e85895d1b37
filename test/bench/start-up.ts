/**
 * How long the agent takes from its start to its master's connection: the sources, and the bundle.
 *   npm run build; node test/bench/start-up.ts [starts]
 * Fails where the median of either is above the bound.
 */
import { AgentProcess } from '../cloud/agent-process.ts';
import { startLocalCloud } from '../cloud/local-cloud.ts';
import { AGENT_BUILDS, agentEntry } from '../e2e/support/agent-builds.ts';
import { median } from './support/figures.ts';

const STARTS = Number(process.argv[2] ?? 7);
const BOUND_MS = 1_000;

const cloud = await startLocalCloud();
const device = await cloud.createDevice('starting-device');
try {
  for (const build of AGENT_BUILDS) {
    const entry = agentEntry(build);
    const times: number[] = [];
    for (let i = 1; i <= STARTS; i += 1) times.push(await start(entry, `${build}-${i}`));
    const figure = median(times);
    const isWithin = figure <= BOUND_MS;
    process.stdout.write(
      `${isWithin ? 'within' : 'ABOVE '}  ${build}: median ${figure} ms of ${times.join(', ')} (at most ${BOUND_MS})\n`,
    );
    if (!isWithin) process.exitCode = 1;
  }
} finally {
  await cloud.close();
}

/** Each on a channel that nothing is known of yet. */
async function start(entry: string, channelName: string): Promise<number> {
  cloud.createChannel(channelName);
  const cameras = { front: { channelName, source: { type: 'test' } } };
  const config = cloud.agentConfig(device, { cameras });
  const environment = cloud.agentEnvironment();
  const agent = new AgentProcess({ entry, config, folder: cloud.directory, environment });
  const { at } = await cloud.events.waitFor('connected', { role: 'MASTER', channelName });
  await agent.stop();
  return at - agent.startedAt;
}
