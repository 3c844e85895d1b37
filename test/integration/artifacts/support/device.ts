import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const ARTIFACTS = join(import.meta.dirname, '../../../../artifacts');
/** What every Linux has; what the agent asks for comes on top, test by test. */
const TOOLS = 'sh cat chmod dirname getconf getent head id ldd ln sed setpriv stat su uname'.split(' ');
const IS_ROOT = process.getuid?.() === 0;
/** The component's user: one with no rights that every Debian has; only root can run anything as another than itself. */
export const USER = IS_ROOT ? 'nobody' : userInfo().username;

export interface DeviceOptions {
  /** Programs of this machine that the device has too. */
  programs?: readonly string[];
  /** Programs that stand in for others: shell scripts by name. */
  scripts?: Record<string, string>;
  /** `uname -m` of the artifact. */
  machine?: string;
  /** Of the artifact; none: it brings no Node. */
  node?: string;
  /** The nucleus's key and certificate, readable for the component's user or for root alone. */
  key?: 'readable' | 'unreadable' | 'pkcs11:object=key' | 'unknown';
  nucleus?: 'classic' | 'lite';
  environment?: Record<string, string>;
}

export interface Installation {
  code: number | null;
  output: string;
}

/** Runs the install step as a nucleus would, on a device that has only what `options` say. */
export function install(options: DeviceOptions = {}): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-install-'));
  chmodSync(folder, 0o755);
  try {
    return installIn(folder, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function installIn(folder: string, options: DeviceOptions): Installation {
  const { programs = ['ffmpeg'], scripts = {}, machine, node, key = 'readable', environment } = options;
  const { nucleus = 'classic' } = options;
  const paths = Object.fromEntries(
    ['bin', 'artifact', 'root', 'work'].map((name) => [name, join(folder, name)]),
  );
  const { bin = '', artifact = '', root = '', work = '' } = paths;
  for (const path of [...Object.values(paths), join(root, 'config')]) mkdirSync(path);
  const real = [...TOOLS, ...programs].filter((name) => !Object.hasOwn(scripts, name));
  for (const name of real) symlinkSync(which(name), join(bin, name));
  for (const [name, script] of Object.entries(scripts)) writeProgram(join(bin, name), script);
  const script = readFileSync(join(ARTIFACTS, 'install.sh'), 'utf8');
  writeFileSync(join(artifact, 'install.sh'), script.replaceAll('/etc/greengrass', join(folder, 'etc')));
  writeFileSync(
    join(artifact, 'machine'),
    `${machine ?? execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}\n`,
  );
  if (node !== undefined) writeProgram(join(artifact, 'node'), node);
  writeSettings(root, nucleus === 'lite' ? join(folder, 'etc') : undefined, key);
  const { uid, gid } = ids(USER);
  if (IS_ROOT) chownSync(work, uid, gid);
  const { status, stdout, stderr } = spawnSync('sh', [join(artifact, 'install.sh')], {
    env: { PATH: bin, INSTALL_ROOT: root, INSTALL_WORK: work, INSTALL_FFMPEG: 'ffmpeg', ...environment },
    cwd: work,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { code: status, output: stdout + stderr };
}

/** @param lite Of lite, which has its settings elsewhere. */
function writeSettings(root: string, lite: string | undefined, key: NonNullable<DeviceOptions['key']>): void {
  if (key === 'unknown') return;
  const files = { key: join(root, 'device.key'), certificate: join(root, 'device.crt') };
  for (const file of Object.values(files)) {
    writeFileSync(file, 'PEM');
    chmodSync(file, key === 'readable' ? 0o644 : 0o000);
  }
  const keyPath = key.startsWith('pkcs11:') ? key : files.key;
  if (lite !== undefined) {
    mkdirSync(join(lite, 'config.d'), { recursive: true });
    writeFileSync(join(lite, 'config.yaml'), 'system:\n  privateKeyPath: "/before/it/was/rotated.key"\n');
  }
  writeFileSync(
    lite === undefined
      ? join(root, 'config/effectiveConfig.yaml')
      : join(lite, 'config.d/greengrass-lite.yaml'),
    [
      '---',
      'system:',
      `  certificateFilePath: "${files.certificate}"`,
      `  privateKeyPath: "${keyPath}"`,
      'services:',
      '  aws.greengrass.Nucleus:',
      '    configuration:',
      '      runWithDefault:',
      `        posixUser: "${USER}:nogroup"`,
      '',
    ].join('\n'),
  );
}

function writeProgram(file: string, script: string): void {
  // `wx` never writes through a link to a program of this machine.
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755, flag: 'wx' });
}

/** Where this machine has a program. Throws where it has none. */
export function which(name: string): string {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`there is no ${name} on the PATH`);
  return found;
}

export function ids(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
