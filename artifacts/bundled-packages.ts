import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { isObject, valueAt, type Json } from '../src/config/layers.ts';
import { PROJECT, readJson } from './bundle.ts';

/** A third-party package of which something is in the artifact. */
export interface BundledPackage {
  name: string;
  version: string;
  /** SPDX identifier or expression. */
  license: string;
  /** Empty where its package.json names none. */
  author: string;
  /** As in package-lock.json: `sha512-<base64>`. */
  integrity: string | undefined;
  /** Its license and notice files, as they are. */
  texts: string[];
}

const LICENSE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** The packages of which something is in the bundle, by name and version. */
export function bundledPackages({ outputs }: Metafile): BundledPackage[] {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  const packages = new Map<string, BundledPackage>();
  for (const folder of folders) {
    const found = readPackage(folder);
    packages.set(`${found.name}@${found.version}`, found);
  }
  return [...packages].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
}

/** `folder` is the package's key in package-lock.json: `node_modules/…`; `at`, where its files are. */
export function readPackage(folder: string, at = join(PROJECT, folder)): BundledPackage {
  const { name, version, license, licenses, author } = readJson(join(at, 'package.json'));
  if (typeof name !== 'string' || typeof version !== 'string')
    throw new Error(`${folder}/package.json has no name or no version`);
  const texts = readdirSync(at)
    .filter((file) => LICENSE_FILE.test(file))
    .toSorted()
    .map((file) => readFileSync(join(at, file), 'utf8'));
  return {
    name,
    version,
    license: spdx(license ?? licenses, folder),
    author: textOf(isObject(author) ? author.name : author) ?? '',
    integrity: lockedIntegrity(folder),
    texts,
  };
}

/** `sha512-…` of a package as package-lock.json pins it. */
export function lockedIntegrity(folder: string): string | undefined {
  const lock = readJson(join(PROJECT, 'package-lock.json'));
  return textOf(valueAt(lock, ['packages', folder, 'integrity']));
}

/** Older packages name their license as an object, or several in a list. */
function spdx(license: Json | undefined, folder: string): string {
  const [first] = Array.isArray(license) ? license : [license];
  const text = textOf(isObject(first) ? first.type : first);
  if (text === undefined) throw new Error(`${folder}/package.json names no license`);
  return text;
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
