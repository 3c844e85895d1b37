import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudBackend } from '../../cloud/console/cloud-backend.ts';
import { startConsole, type Console } from '../../cloud/console/server.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { startCloudNucleus } from '../../cloud/nucleus/cloud-nucleus.ts';
import type { ComponentRunner } from '../../cloud/nucleus/component-runner.ts';
import type { Configuration } from '../../cloud/nucleus/config-store.ts';
import type { Nucleus } from '../../cloud/nucleus/nucleus.ts';
import type { Personality } from '../../cloud/nucleus/recipe.ts';

export const COMPONENT = 'kvs.webrtc.Agent';
const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const RECIPE = join(import.meta.dirname, '../../../recipe.json');
const START_TIMEOUT_MS = 30_000;

export interface ComponentSiteOptions {
  personality: Personality;
  /** Merged into the component's configuration as a deployment would. */
  configuration: { cameras: Record<string, object>; [key: string]: unknown };
  /** See `NucleusOptions`. */
  hurry?: number;
}

/** The whole thing on one machine with the agent as a Greengrass component: started, watched and stopped by a nucleus. */
export interface ComponentSite {
  thingName: string;
  cloud: LocalCloud;
  console: Console;
  nucleus: Nucleus;
  /** Not started yet. */
  runner: ComponentRunner;
  /** Resolves once the agent is master of this camera's channel for the `nth` time. */
  masterConnected: (camera: string, nth?: number) => Promise<unknown>;
  close: () => Promise<void>;
}

export async function startComponentSite(options: ComponentSiteOptions): Promise<ComponentSite> {
  const { personality, configuration, hurry = 1 } = options;
  const thingName = `site-${personality}`;
  const cloud = await startLocalCloud({ iotCore: true });
  const device = await cloud.createDevice(thingName);
  const names = Object.keys(configuration.cameras);
  const channels = new Map(names.map((name) => [name, `${thingName}-${name}`]));
  for (const channelName of channels.values()) cloud.createChannel(channelName);
  const page = await startConsole(new CloudBackend({ cloud, thingName, channels }), 0);
  const core = await startCloudNucleus(cloud, device, { personality, hurry });
  const runner = installAgent(core.nucleus, configuration, {
    ...cloud.agentEnvironment(),
    KVS_STATE_DIRECTORY: join(cloud.directory, 'state'),
  });
  return {
    thingName,
    cloud,
    console: page,
    nucleus: core.nucleus,
    runner,
    masterConnected: (camera, nth = 1) =>
      cloud.events.waitFor(
        'connected',
        { role: 'MASTER', channelName: `${thingName}-${camera}` },
        { nth, timeoutMs: START_TIMEOUT_MS },
      ),
    close: async () => {
      await core.close();
      await page.close();
      await cloud.close();
    },
  };
}

/** The agent's sources as a component, not started yet. `environment`: added to a small one. */
export function installAgent(
  nucleus: Nucleus,
  configuration: Configuration,
  environment: Record<string, string>,
): ComponentRunner {
  const { PATH = '', HOME = '' } = process.env;
  return nucleus.install(recipeOfSources(), {
    merge: { aws: { useStun: false }, ...configuration },
    environment: { PATH, HOME, ...environment },
  });
}

/** The recipe as it is published, but for what it starts: the sources, and nothing to install. */
function recipeOfSources(): string {
  const { Manifests, ...recipe } = JSON.parse(readFileSync(RECIPE, 'utf8'));
  const [{ Lifecycle, ...manifest }] = Manifests;
  const startup = { ...Lifecycle.startup, Script: `exec "${process.execPath}" "${MAIN}" run` };
  return JSON.stringify({ ...recipe, Manifests: [{ ...manifest, Lifecycle: { startup }, Artifacts: [] }] });
}
