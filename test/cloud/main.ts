/** `npm start`: the agent with test cameras against a local cloud, or against AWS, and a console to watch them. */
import type { JsonObject } from '../../src/config/layers.ts';
import type { AgentProcess, LogLine } from './agent-process.ts';
import type { Console } from './console/server.ts';
import { startRealSite } from './real-site.ts';
import { startSite } from './site.ts';
import { parseOptions, USAGE, type StartOptions } from './start-options.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** Often, for a person who looks on. */
const METRICS_INTERVAL_S = 10;

const print = (text: string) => process.stdout.write(text);

interface Running {
  agent: AgentProcess;
  console: Console;
  /** What the agent runs against, for a person. */
  against: string;
  /** Resolves when every camera is connected, to milliseconds since the agent's start. */
  connected: Promise<number>;
  close(): Promise<void>;
}

function printLog({ level, msg, details }: LogLine): void {
  const rest = Object.entries(details).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  print(`${new Date().toTimeString().slice(0, 8)} ${level.padEnd(5)} ${msg}  ${rest.join(' ')}\n`);
}

async function startLocal({ cameras, settings, verbose, port }: StartOptions): Promise<Running> {
  const site = await startSite({
    cameras,
    settings: {
      metrics: { intervalSeconds: METRICS_INTERVAL_S },
      ...(verbose ? { log: { level: 'debug' } } : {}),
      ...settings,
    },
    cloud: { iotCore: true },
    port,
    onLog: printLog,
  });
  const connected = site.masterConnected(undefined, CONNECT_TIMEOUT_MS);
  const against = `a local cloud in ${site.cloud.directory}`;
  return { agent: site.agent, console: site.console, against, connected, close: () => site.close() };
}

async function startReal(config: JsonObject, { cameras, port }: StartOptions): Promise<Running> {
  const site = await startRealSite(config, port, printLog);
  const connected = allConnected(site.agent, Object.keys(cameras));
  return { ...site, against: 'AWS, as its configuration says', connected };
}

async function allConnected(agent: AgentProcess, cameras: string[]): Promise<number> {
  const waits = cameras.map((camera) => {
    const isConnected = ({ msg, details }: LogLine) =>
      msg === 'connected as master' && details['camera'] === camera;
    return agent.waitForLog(`${camera} is connected`, isConnected, CONNECT_TIMEOUT_MS);
  });
  await Promise.all(waits);
  return Date.now() - agent.startedAt;
}

function printWelcome(
  { cameras, sourceText, port }: StartOptions,
  { agent, console, against }: Running,
): void {
  const asked = port === 0 || port === console.port;
  const taken = asked ? '' : `   (port ${port} is taken)`;
  print(`
  Watch      ${console.url}${taken}
  Cameras    ${Object.keys(cameras).join(', ')} (${sourceText})
  Agent      process ${agent.pid}, against ${against}
  Try next   npm start -- --cameras 4      npm start -- --source FILE or rtsp://…
             in the console: Break it, and the Shadow page
  Stop       Ctrl-C

`);
}

/** Resolves to the name of the signal or of the event that ends the run. */
function ending(agent: AgentProcess): Promise<string> {
  const { promise, resolve: end } = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
  void agent.exited.then(({ code, signal }) => end(`the agent exited (${signal ?? code})`));
  return promise;
}

async function reportConnected({ agent, connected }: Running): Promise<void> {
  let stopped = false;
  void agent.exited.then(() => (stopped = true));
  try {
    const tookMs = await connected;
    print(`\n  Ready: every camera is connected, ${Math.round(tookMs)} ms after the agent's start.\n\n`);
  } catch {
    if (!stopped) print('\n  Not connected yet; the log above tells why. The agent goes on trying.\n\n');
  }
}

async function run(options: StartOptions): Promise<number> {
  const running = options.real ? await startReal(options.real, options) : await startLocal(options);
  const ended = ending(running.agent);
  printWelcome(options, running);
  void reportConnected(running);
  const reason = await ended;
  const failed = !reason.startsWith('SIG');
  if (failed && running.agent.stderr) print(running.agent.stderr);
  print(`\n${failed ? `Stopping: ${reason}.` : 'Stopping …'}\n`);
  await running.close();
  print('Everything is stopped.\n');
  return failed ? 1 : 0;
}

async function main(): Promise<number> {
  let options: StartOptions | undefined;
  try {
    options = parseOptions();
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 1;
  }
  if (!options) {
    print(USAGE);
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    print(`Not started: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
