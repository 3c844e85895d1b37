import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '../../..');
const BUNDLE_FOLDER = join(PROJECT, 'greengrass-build/bundle');
const BUNDLE = 'kvs-webrtc-agent.mjs';
const LAUNCHER = 'run.sh';

/** The agent as it is developed, as one file, and as the artifact starts it: by its launcher, with Node's settings for a device. */
export type AgentBuild = 'sources' | 'bundle' | 'artifact';
export const AGENT_BUILDS: readonly AgentBuild[] = ['sources', 'bundle'];

/** The script to run; the bundle is a copy far from any node_modules, as on a device. */
export function agentEntry(build: AgentBuild): string {
  if (build === 'sources') return join(PROJECT, 'src/main.ts');
  if (!existsSync(join(BUNDLE_FOLDER, BUNDLE))) throw new Error('there is no bundle: npm run build makes it');
  const folder = mkdtempSync(join(tmpdir(), 'kvs-agent-bundle-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  cpSync(BUNDLE_FOLDER, folder, { recursive: true });
  if (build === 'bundle') return join(folder, BUNDLE);
  cpSync(join(PROJECT, 'artifacts', LAUNCHER), join(folder, LAUNCHER));
  symlinkSync(process.execPath, join(folder, 'node'));
  return join(folder, LAUNCHER);
}
