import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { startCloudNucleus, type CloudNucleus } from '../../cloud/nucleus/cloud-nucleus.ts';
import type { ComponentRunner } from '../../cloud/nucleus/component-runner.ts';
import type { LocalCloud } from '../../cloud/local-cloud.ts';
import type { Personality } from '../../cloud/nucleus/recipe.ts';
import { ids, which } from '../../integration/artifacts/support/device.ts';

const PROJECT = join(import.meta.dirname, '../../..');
/** What the component's scripts and the agent may find on a device: no Node. */
const PROGRAMS = 'cat dirname getconf getent head id ldd sed setpriv sh stat su uname'.split(' ');

const camera = {
  source: { type: 'test' },
  video: { renditions: { high: { width: 640, height: 360, fps: 15, bitrateKbps: 600 } } },
};

/** A device on which a nucleus has unpacked the packaged artifact; the component's user may write nothing there. */
export interface PackagedDevice {
  recipe: string;
  /** `{artifacts:decompressedPath}`. */
  decompressedPath: string;
  /** The unpacked artifact. */
  artifact: string;
  zipBytes: number;
  /** The machine's own environment, without Node on the PATH. */
  environment: Record<string, string>;
  pathWithoutFfmpeg: string;
  /** Whom the nucleus runs components as; undefined where only root could change that. */
  user: { uid: number; gid: number } | undefined;
  /** A copy that every user may read. */
  publish: (file: string) => string;
  remove: () => void;
}

/** Packages the agent as `npm run package` does and unpacks it as a nucleus does. */
export function packagedDevice(architecture: string = process.arch): PackagedDevice {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-packaged-'));
  chmodSync(folder, 0o755);
  const build = ['artifacts/package.ts', '--arch', architecture, '--output', join(folder, 'build')];
  execFileSync(process.execPath, build, { cwd: PROJECT, stdio: ['ignore', 'ignore', 'inherit'] });
  const [zip = ''] = globSync(join(folder, 'build/artifacts/*/*/*.zip'));
  const decompressedPath = join(folder, 'artifacts-unarchived');
  const artifact = join(decompressedPath, basename(zip, '.zip'));
  mkdirSync(artifact, { recursive: true });
  execFileSync('unzip', ['-qq', zip, '-d', artifact]);
  execFileSync('chmod', ['-R', 'a-w', decompressedPath]);
  const bin = programFolder(join(folder, 'bin'), PROGRAMS);
  const media = programFolder(join(folder, 'media'), ['ffmpeg']);
  return {
    recipe: readFileSync(join(folder, 'build/recipes/recipe.json'), 'utf8'),
    decompressedPath,
    artifact,
    zipBytes: readFileSync(zip).length,
    pathWithoutFfmpeg: bin,
    environment: { PATH: `${bin}:${media}`, HOME: '/nonexistent' },
    user: process.getuid?.() === 0 ? ids('nobody') : undefined,
    publish: (file) => {
      const copy = join(folder, basename(file));
      copyFileSync(file, copy);
      chmodSync(copy, 0o644);
      return copy;
    },
    remove: () => {
      execFileSync('chmod', ['-R', 'u+w', decompressedPath]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function programFolder(folder: string, programs: readonly string[]): string {
  mkdirSync(folder);
  for (const name of programs) symlinkSync(which(name), join(folder, name));
  return folder;
}

/** A nucleus of its own for a new thing. */
export async function startNucleus(
  cloud: LocalCloud,
  thingName: string,
  personality: Personality,
): Promise<CloudNucleus> {
  const core = await startCloudNucleus(cloud, await cloud.createDevice(thingName), { personality });
  // As on a device: everybody may reach the socket, the token decides.
  chmodSync(dirname(core.nucleus.ipc.path), 0o755);
  chmodSync(core.nucleus.ipc.path, 0o777);
  return core;
}

/** Installs the artifact with one test camera, `front`, as a deployment would; it is not started yet. */
export function install(
  core: CloudNucleus,
  cloud: LocalCloud,
  device: PackagedDevice,
  { merge = {}, environment = {} }: { merge?: object; environment?: Record<string, string> } = {},
): ComponentRunner {
  const { recipe, decompressedPath, user, publish } = device;
  const runner = core.nucleus.install(recipe, {
    decompressedPath,
    merge: { aws: { useStun: false }, cameras: { front: camera }, ...merge },
    environment: {
      ...cloud.agentEnvironment(),
      NODE_EXTRA_CA_CERTS: publish(cloud.caPath),
      ...device.environment,
      ...environment,
    },
    ...(user ? { user } : {}),
  });
  const work = join(dirname(core.nucleus.ipc.path), 'work', JSON.parse(recipe).ComponentName);
  if (user) chownSync(work, user.uid, user.gid);
  return runner;
}
