import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '../../..');
const BUNDLE_FOLDER = join(PROJECT, 'greengrass-build/bundle');
const BUNDLE = 'kvs-webrtc-agent.mjs';

/** The agent as it is developed and as it is shipped. */
export type AgentBuild = 'sources' | 'bundle';
export const AGENT_BUILDS: readonly AgentBuild[] = ['sources', 'bundle'];

/** The script to run; the bundle is a copy far from any node_modules, as on a device. */
export function agentEntry(build: AgentBuild): string {
  if (build === 'sources') return join(PROJECT, 'src/main.ts');
  if (!existsSync(join(BUNDLE_FOLDER, BUNDLE))) throw new Error('there is no bundle: npm run build makes it');
  const folder = mkdtempSync(join(tmpdir(), 'kvs-agent-bundle-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  cpSync(BUNDLE_FOLDER, folder, { recursive: true });
  return join(folder, BUNDLE);
}
