import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT, readJson, textAt } from './bundle.ts';
import { lockedIntegrity, readPackage, type BundledPackage } from './bundled-packages.ts';
import { compress } from './zip.ts';

export type Architecture = 'x64' | 'arm64';

/** The pinned Node for one architecture. */
export interface NodeRuntime {
  binary: Buffer;
  /** `binary`, deflated. */
  compressed: Buffer;
  package: BundledPackage;
}

const CACHE = join(PROJECT, 'node_modules/.cache/kvs-webrtc-agent');
const run = promisify(execFile);

/**
 * Node for a device of that architecture: npm has installed the one of this machine; another one is fetched from the
 * registry, once, and must be what package-lock.json pins. Rejects with what to do where it cannot be had.
 */
export async function nodeRuntime(architecture: Architecture): Promise<NodeRuntime> {
  const name = `node-linux-${architecture}`;
  const installed = join(PROJECT, 'node_modules', name);
  const folder = existsSync(installed) ? installed : await fetchRuntime(name);
  const binary = readFileSync(join(folder, 'bin/node'));
  const runtimePackage = readPackage(`node_modules/${name}`, folder);
  return { binary, compressed: await compressOnce(name, binary), package: runtimePackage };
}

/** Resolves to the folder with the package's files. */
async function fetchRuntime(name: string): Promise<string> {
  const pinned = textAt(readJson(join(PROJECT, 'package.json')), 'optionalDependencies', name);
  const id = `${name}-${pinned}`;
  const target = join(CACHE, id);
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  const temporary = mkdtempSync(join(CACHE, 'fetch-'));
  try {
    await run('npm', ['pack', `${name}@${pinned}`, '--pack-destination', temporary]);
    const archive = join(temporary, `${id}.tgz`);
    checkIntegrity(archive, name);
    const files = ['package/bin/node', 'package/package.json', 'package/LICENSE'];
    await run('tar', ['-xzf', archive, '-C', temporary, ...files]);
    renameSync(join(temporary, 'package'), target);
    return target;
  } catch (cause) {
    const advice =
      'Package this architecture alone (--arch x64 or --arch arm64) or without Node (--without-node).';
    throw new Error(`${id} cannot be fetched from the npm registry. ${advice}`, { cause });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function checkIntegrity(archive: string, name: string): void {
  const expected = lockedIntegrity(`node_modules/${name}`);
  const actual = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (actual !== expected)
    throw new Error(`${name} is ${actual}, package-lock.json pins ${String(expected)}`);
}

/** 120 MB take 15 s to deflate: kept for the next time. */
async function compressOnce(name: string, binary: Buffer): Promise<Buffer> {
  const digest = createHash('sha256').update(binary).digest('hex').slice(0, 16);
  const file = join(CACHE, `${name}-${digest}-zlib-${process.versions.zlib}.deflate`);
  if (existsSync(file)) return readFileSync(file);
  const compressed = await compress(binary);
  mkdirSync(CACHE, { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, compressed);
  renameSync(temporary, file);
  return compressed;
}
