import { buildConfig } from './config/build.ts';
import type { AgentConfig } from './config/config.ts';
import type { Layer } from './config/layers.ts';
import { errorText } from './errors.ts';
import { chooseCredentials } from './identity/choose-credentials.ts';
import { CachedCredentials } from './identity/credentials.ts';
import { SILENT } from './log.ts';
import { pause, type Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { AwsControlPlane } from './signaling/aws-control-plane.ts';
import { AwsStorage, type RecordingStream } from './signaling/aws-storage.ts';
import { ClockSkew } from './signaling/clock-skew.ts';
import { ServiceError } from './signaling/service-error.ts';

export interface SetupStorageOptions {
  load: () => Promise<Layer[]>;
  env: NodeJS.ProcessEnv;
  retentionHours: number;
  /** Do it; else only say what would be done. */
  confirmed: boolean;
  print: (line: string) => void;
  clock: Clock;
  random: Random;
}

const ACTIVE_POLL_MS = 500;
const MAX_POLLS = 60;
const NEVER = new AbortController().signal;

interface Step {
  text: string;
  run: () => Promise<void>;
}

/**
 * Gives the channel of each recorded camera a stream with retention, named like the channel, and links it. What is right already
 * stays; so it can be repeated. Resolves with false where something failed.
 */
export async function setupStorage(options: SetupStorageOptions): Promise<boolean> {
  const { load, retentionHours, confirmed, print } = options;
  const config = buildConfig(await load());
  const recorded = Object.values(config.cameras).filter(({ storage }) => storage.enabled);
  if (recorded.length === 0) print('no camera has storage.enabled: nothing to do');
  const controlPlane = await connect(config, options);
  const storage = new AwsStorage(controlPlane.calls);
  let ok = true;
  let waiting = 0;
  for (const { channelName } of recorded) {
    try {
      const steps = await plan(channelName, controlPlane, storage, retentionHours, options.clock);
      if (steps.length === 0) print(`${channelName}: is set up`);
      for (const { text, run } of steps) {
        print(`${channelName}: ${text}`);
        if (confirmed) await run();
        else waiting += 1;
      }
    } catch (error) {
      ok = false;
      print(`${channelName}: ${errorText(error)}`);
    }
  }
  if (waiting > 0) print('Nothing was changed. To do this: the same command with --yes');
  controlPlane.close();
  return ok;
}

async function connect(
  config: AgentConfig,
  { env, clock, random }: SetupStorageOptions,
): Promise<AwsControlPlane> {
  const skew = new ClockSkew(clock);
  const onServerTime = (serverTimeMs: number) => skew.learn(new Date(serverTimeMs).toUTCString());
  const source = await chooseCredentials({ config, env, clock, log: SILENT, onServerTime });
  const credentials = new CachedCredentials({ source, clock, random, log: SILENT });
  const { region, endpoint, useFips, useDualStack } = config.aws;
  return new AwsControlPlane({ region, endpoint, useFips, useDualStack, credentials, skew, clock });
}

/** What is missing, in order. */
async function plan(
  channelName: string,
  controlPlane: AwsControlPlane,
  storage: AwsStorage,
  retentionHours: number,
  clock: Clock,
): Promise<Step[]> {
  const channelArn = await controlPlane.describeChannel(channelName);
  const linkedArn = await storage.storageStream(channelArn);
  // It may have been deleted.
  const linked = linkedArn === undefined ? undefined : await existing(storage, linkedArn);
  const stream = linked ?? (await existing(storage, channelName));
  const steps: Step[] = [];
  if (!stream) {
    steps.push({
      text: `create the stream ${channelName}, kept for ${retentionHours} h`,
      run: () => storage.createStream(channelName, retentionHours),
    });
  } else if (stream.retentionHours === 0) {
    steps.push({
      text: `keep what is in the stream ${stream.arn} for ${retentionHours} h`,
      run: () => storage.addRetention(stream, retentionHours),
    });
  }
  if (linked === undefined) {
    steps.push({
      text: `link the stream ${stream?.arn ?? channelName} to the channel: viewers then come through it, not to the device`,
      run: async () => storage.linkStream(channelArn, (await active(storage, channelName, clock)).arn),
    });
  }
  return steps;
}

async function existing(storage: AwsStorage, nameOrArn: string): Promise<RecordingStream | undefined> {
  try {
    return await storage.describeStream(nameOrArn);
  } catch (error) {
    if (error instanceof ServiceError && error.fault === 'not-found') return undefined;
    throw error;
  }
}

/** A stream is created within seconds. */
async function active(storage: AwsStorage, name: string, clock: Clock): Promise<RecordingStream> {
  for (let polls = 0; polls < MAX_POLLS; polls += 1) {
    const stream = await storage.describeStream(name);
    if (stream.isActive) return stream;
    await pause(clock, ACTIVE_POLL_MS, NEVER);
  }
  throw new Error(`the stream ${name} does not become active`);
}
