import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isObject, valueAt, type JsonObject } from '../../src/config/layers.ts';
import { AgentProcess, type LogLine } from './agent-process.ts';
import { RealBackend } from './console/real-backend.ts';
import { startConsole, type Console } from './console/server.ts';

/** The agent against AWS, and the console as a viewer with the user's own credentials. */
export interface RealSite {
  agent: AgentProcess;
  console: Console;
  cameras: string[];
  close(): Promise<void>;
}

/** @param config the agent's configuration, as it is */
export async function startRealSite(
  config: JsonObject,
  port: number,
  onLog: (line: LogLine) => void,
): Promise<RealSite> {
  const channels = channelsOf(config);
  const backend = new RealBackend(regionOf(config), channels);
  const page = await startConsole(backend, port);
  const folder = mkdtempSync(join(tmpdir(), 'kvs-real-'));
  const agent = new AgentProcess({
    config,
    folder,
    environment: definedVariables(),
    onLog: (line) => {
      backend.logged(line);
      onLog(line);
    },
  });
  backend.follow(agent);
  return {
    agent,
    console: page,
    cameras: [...channels.keys()],
    async close() {
      await agent.stop();
      await page.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function channelsOf(config: JsonObject): Map<string, string> {
  const thingName = text(valueAt(config, ['device', 'thingName'])) || process.env['AWS_IOT_THING_NAME'] || '';
  const { cameras } = config;
  const entries = isObject(cameras) ? Object.entries(cameras) : [];
  return new Map(
    entries.map(([name, camera]) => {
      const channelName = isObject(camera) ? text(camera['channelName']) : '';
      return [name, channelName || `${thingName}-${name}`];
    }),
  );
}

function regionOf(config: JsonObject): string {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return text(valueAt(config, ['aws', 'region'])) || AWS_REGION || AWS_DEFAULT_REGION || '';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function definedVariables(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}
