import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Agent } from './agent.ts';
import { buildConfig } from './config/build.ts';
import type { Layer } from './config/layers.ts';
import { loadLocal } from './config/load.ts';
import { diagnose } from './diagnose.ts';
import { passed } from './doctor/finding.ts';
import { jsonText, tableText } from './doctor/report.ts';
import { errorText, FatalStartupError } from './errors.ts';
import { createLog } from './log.ts';
import { systemClock } from './runtime/clock.ts';
import { systemRandom } from './runtime/random.ts';
import { setupStorage } from './setup-storage.ts';
import { agentVersion } from './version.ts';

const USAGE = `kvs-webrtc-agent ${agentVersion}
Turns the cameras of this device into Kinesis Video Streams WebRTC masters.

  run --config FILE            run until SIGTERM or SIGINT
  check-config --config FILE   read the configuration, list every fault, and exit
  doctor --config FILE         look for whatever stands in the way of a picture, and say what to do
    --json                     for programs
    --scan                     look for cameras on the local network, too
  setup-storage --config FILE  give each recorded camera's channel a stream: shows what it would do
    --yes                      do it
    --retention-hours N        how long a new stream keeps what it gets (default 24)
  --version, --help
`;
/** The nucleus kills a component 5 s after SIGTERM; what has not stopped by then is left behind. */
const STOP_TIMEOUT_MS = 3_500;
const SHELL = '/bin/sh';
const COMMANDS = ['run', 'check-config', 'doctor', 'setup-storage'];
/** What ffmpeg and camera programs have no business with: secrets, and memory settings that would slow their threads. */
const OWN_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'SVCUID',
  'MALLOC_ARENA_MAX',
  'MALLOC_MMAP_THRESHOLD_',
  'MALLOC_TRIM_THRESHOLD_',
];

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      json: { type: 'boolean' },
      scan: { type: 'boolean' },
      yes: { type: 'boolean' },
      'retention-hours': { type: 'string', default: '24' },
      version: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const command = positionals[0];
  if (values.version) return print(agentVersion);
  if (values.help || command === undefined) return print(USAGE);
  if (!COMMANDS.includes(command)) throw new FatalStartupError(`unknown command "${command}"; see --help`);
  const env = takeEnvironment();
  const file = values.config === undefined ? {} : { file: values.config };
  const load = () => loadLocal({ ...file, env });
  if (command === 'doctor') return doctor(load, env, values);
  if (command === 'setup-storage') return setup(load, env, values);
  const layers = await load();
  const config = buildConfig(layers);
  if (command === 'check-config') return print('the configuration is valid');
  const log = createLog(config.log.level);
  process.on('unhandledRejection', (reason) =>
    log.error({ error: errorText(reason) }, 'unhandled rejection'),
  );
  const agent = new Agent({
    layers,
    reload: load,
    env,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  await agent.run(stopSignal());
  return 0;
}

/** Exit code 1 where something failed. */
async function doctor(
  load: () => Promise<Layer[]>,
  env: NodeJS.ProcessEnv,
  { json = false, scan = false }: { json?: boolean; scan?: boolean },
): Promise<number> {
  const findings = await diagnose({ load, env, scan, clock: systemClock, random: systemRandom });
  print(json ? jsonText(findings) : tableText(findings));
  return passed(findings) ? 0 : 1;
}

/** Exit code 1 where something failed. */
async function setup(
  load: () => Promise<Layer[]>,
  env: NodeJS.ProcessEnv,
  { yes: confirmed = false, 'retention-hours': hours }: { yes?: boolean; 'retention-hours': string },
): Promise<number> {
  const retentionHours = wholeHours(hours);
  // It waits for the stream, and the clock's timers keep no process alive.
  const keepAlive = setInterval(() => {}, 2 ** 30);
  try {
    const options = { load, env, print, clock: systemClock, random: systemRandom };
    return (await setupStorage({ ...options, confirmed, retentionHours })) ? 0 : 1;
  } finally {
    clearInterval(keepAlive);
  }
}

/** The environment for the agent itself; child processes inherit it without what is secret. */
function takeEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of OWN_VARIABLES) delete process.env[name];
  return env;
}

/** Aborts on the first SIGTERM or SIGINT; keeps the process alive until then. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const keepAlive = setInterval(() => {}, 2 ** 30);
  const stop = () => {
    clearInterval(keepAlive);
    controller.abort();
    setTimeout(() => exit(0), STOP_TIMEOUT_MS).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return controller.signal;
}

function wholeHours(text: string): number {
  const hours = Number(text);
  if (Number.isInteger(hours) && hours >= 1 && hours <= 87_600) return hours;
  throw new FatalStartupError(`--retention-hours is "${text}", expected a whole number from 1 to 87600`);
}

function print(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

/**
 * Node's own exit waits for the threads that look up a name, 10 s and more where the network swallows the questions, and
 * a nucleus kills after 5 s. Another program in this process's place ends all of them at once.
 */
function exit(code: number): never {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap') && existsSync(SHELL))
    process.execve?.(SHELL, ['sh', '-c', `exit ${code}`], {});
  process.exit(code);
}

main().then(exit, (error: unknown) => {
  const isOurs = error instanceof FatalStartupError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(
    `${isOurs || !(error instanceof Error) ? errorText(error) : (error.stack ?? error.message)}\n`,
  );
  exit(1);
});
