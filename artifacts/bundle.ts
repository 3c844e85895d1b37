import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, resolve } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { isObject, valueAt, type JsonObject } from '../src/config/layers.ts';

export const PROJECT = resolve(import.meta.dirname, '..');
export const BUNDLE_NAME = 'kvs-webrtc-agent.mjs';
/** aws-crt's native binary, as the bundle looks for it beside itself. */
export const CRT_NAME = 'aws-crt-nodejs.node';

/** CommonJS parts of the bundle expect `require` and `__dirname`; aws-crt is told where its binary lies. */
const banner = `import { createRequire as kvsCreateRequire } from 'node:module';
import { fileURLToPath as kvsFileURLToPath } from 'node:url';
const require = kvsCreateRequire(import.meta.url);
const __dirname = kvsFileURLToPath(new URL('.', import.meta.url));
process.env.AWS_CRT_NODEJS_BINARY_ABSOLUTE_PATH ??= __dirname + '${CRT_NAME}';`;

/** Where aws-crt keeps the binary for a platform. */
export function crtBinary(arch: string, libc: 'glibc' | 'musl'): string {
  return join(PROJECT, 'node_modules/aws-crt/dist/bin', `linux-${arch}-${libc}`, CRT_NAME);
}

/** A JSON file that must hold an object. */
export function readJson(file: string): JsonObject {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isObject(value)) throw new Error(`${file} does not hold a JSON object`);
  return value;
}

/** The text at `path` in a document; throws where there is none. */
export function textAt(document: JsonObject, ...path: string[]): string {
  const value = valueAt(document, path);
  if (typeof value !== 'string') throw new Error(`there is no text at ${path.join('.')}`);
  return value;
}

export function projectVersion(): string {
  return textAt(readJson(join(PROJECT, 'package.json')), 'version');
}

/**
 * Takes Node's own modules by a call rather than an import statement, so that each is loaded with the part of the
 * bundle that uses it, and that `http` does not load all that it merely re-exports (fetch, WebSocket).
 */
const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup(plugin) {
    plugin.onResolve({ filter: /^[a-z]/ }, ({ path, kind, importer }) => {
      if (kind !== 'import-statement' || !isBuiltin(path)) return undefined;
      return { path, namespace: importer.includes('/node_modules/') ? 'builtin' : 'builtin-constants' };
    });
    plugin.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = ${moduleCall(path)};`,
    }));
    plugin.onLoad({ filter: /./, namespace: 'builtin-constants' }, ({ path }) => ({
      contents: builtinConstants(path),
    }));
  },
};

function moduleCall(path: string): string {
  return `process.getBuiltinModule(${JSON.stringify(path)})`;
}

/** For our own code: what it imports becomes a constant. Of a CommonJS module, each use would go through a getter. */
function builtinConstants(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) =>
    /^[A-Za-z]\w*$/.test(name),
  );
  const constants = names
    .filter((name) => name !== 'default')
    .map(
      (name) => `const $${name} = /* @__PURE__ */ (() => all.${name})();\nexport { $${name} as ${name} };`,
    );
  return [`const all = ${moduleCall(path)};`, 'export default all;', ...constants].join('\n');
}

/**
 * Bundles the agent into one file in `directory`, which is emptied first, with aws-crt's binary for this machine beside
 * it. Resolves to what went into the file.
 */
export async function bundleAgent(directory: string): Promise<Metafile> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: PROJECT,
    entryPoints: ['src/main.ts'],
    outfile: join(directory, BUNDLE_NAME),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    banner: { js: banner },
    define: { KVS_WEBRTC_AGENT_VERSION: JSON.stringify(projectVersion()) },
    plugins: [builtinModules],
    metafile: true,
    logLevel: 'warning',
  });
  copyFileSync(crtBinary(process.arch, 'glibc'), join(directory, CRT_NAME));
  return metafile;
}
