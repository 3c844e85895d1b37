/** `npm start`: the agent with test cameras against a local cloud, and a page to watch them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { LogLine } from './agent-process.ts';
import { startSite, type Site } from './site.ts';

const USAGE = `Usage: npm start [-- options]
  --cameras N     how many cameras (1 to 16, default 1)
  --source WHAT   what they show: test (default), an rtsp:// URL, or a video file, played in a loop
  --port PORT     the page's port (default 8080, else the next free one)
  --verbose       the agent's debug log too
`;

const NAMES = ['front', 'garden', 'garage', 'gate', 'hall', 'kitchen', 'yard', 'roof'];
const DEFAULT_PORT = 8080;
const MAX_CAMERAS = 16;
/** More than this many encoders at full size are too much for a small machine. */
const FULL_SIZE_CAMERAS = 2;
const CONNECT_TIMEOUT_MS = 15_000;
/** Often, for a person who looks on. */
const METRICS_INTERVAL_S = 10;

const print = (text: string) => process.stdout.write(text);

interface Choice {
  cameras: number;
  source: object;
  sourceText: string;
  port: number;
  verbose: boolean;
}

/** Throws with a clear text. */
function parseChoice(): Choice | undefined {
  const { values } = parseArgs({
    options: {
      cameras: { type: 'string', default: '1' },
      source: { type: 'string', default: 'test' },
      port: { type: 'string', default: String(DEFAULT_PORT) },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    cameras: integer('--cameras', values.cameras, 1, MAX_CAMERAS),
    source: parseSource(values.source),
    sourceText: values.source === 'test' ? 'test picture' : values.source,
    port: integer('--port', values.port, 0, 65_535),
    verbose: values.verbose,
  };
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} is "${text}", expected a whole number from ${min} to ${max}`);
}

function parseSource(text: string): object {
  if (text === 'test') return { type: 'test' };
  if (/^rtsps?:\/\//.test(text)) return { type: 'rtsp', url: text };
  const path = resolve(text);
  if (existsSync(path)) return { type: 'file', path };
  throw new Error(`--source is "${text}", expected test, an rtsp:// URL or an existing file`);
}

function cameraConfigs({ cameras, source }: Choice): Record<string, object> {
  const small = { width: 640, height: 360, fps: 25, bitrateKbps: 800 };
  const video = cameras > FULL_SIZE_CAMERAS ? { video: { renditions: { high: small } } } : {};
  const names = Array.from({ length: cameras }, (_, index) => NAMES[index] ?? `camera-${index + 1}`);
  return Object.fromEntries(names.map((name) => [name, { source, ...video }]));
}

function printLog({ level, msg, details }: LogLine): void {
  const rest = Object.entries(details).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  print(`${new Date().toTimeString().slice(0, 8)} ${level.padEnd(5)} ${msg}  ${rest.join(' ')}\n`);
}

function printWelcome(choice: Choice, site: Site): void {
  const names = Object.keys(cameraConfigs(choice)).join(', ');
  const asked = choice.port === 0 || choice.port === site.console.port;
  const taken = asked ? '' : `   (port ${choice.port} is taken)`;
  print(`
  Watch      ${site.console.url}${taken}
  Cameras    ${names} (${choice.sourceText})
  Agent      process ${site.agent.pid}, against a local cloud in ${site.cloud.directory}
  Try next   npm start -- --cameras 4      npm start -- --source FILE or rtsp://…
  Stop       Ctrl-C

`);
}

/** Resolves to the name of the signal or of the event that ends the run. */
function ending(site: Site): Promise<string> {
  const { promise, resolve: end } = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
  void site.agent.exited.then(({ code, signal }) => end(`the agent exited (${signal ?? code})`));
  return promise;
}

async function reportConnected(site: Site): Promise<void> {
  let stopped = false;
  void site.agent.exited.then(() => (stopped = true));
  try {
    const tookMs = await site.masterConnected(undefined, CONNECT_TIMEOUT_MS);
    print(`\n  Ready: every camera is connected, ${Math.round(tookMs)} ms after the agent's start.\n\n`);
  } catch {
    if (!stopped) print('\n  Not connected yet; the log above tells why. The agent goes on trying.\n\n');
  }
}

async function run(choice: Choice): Promise<number> {
  const site = await startSite({
    cameras: cameraConfigs(choice),
    settings: {
      metrics: { intervalSeconds: METRICS_INTERVAL_S },
      ...(choice.verbose ? { log: { level: 'debug' } } : {}),
    },
    cloud: { iotCore: true },
    port: choice.port,
    onLog: printLog,
  });
  const ended = ending(site);
  printWelcome(choice, site);
  void reportConnected(site);
  const reason = await ended;
  const failed = !reason.startsWith('SIG');
  if (failed && site.agent.stderr) print(site.agent.stderr);
  print(`\n${failed ? `Stopping: ${reason}.` : 'Stopping …'}\n`);
  await site.close();
  print('Everything is stopped.\n');
  return failed ? 1 : 0;
}

async function main(): Promise<number> {
  let choice: Choice | undefined;
  try {
    choice = parseChoice();
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 1;
  }
  if (choice) return run(choice);
  print(USAGE);
  return 0;
}

process.exitCode = await main();
