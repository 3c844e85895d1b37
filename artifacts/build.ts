/**
 * `npm run build`: bundles the agent into one file, `greengrass-build/bundle/kvs-webrtc-agent.mjs`, with aws-crt's native
 * binary beside it. Both can be copied anywhere; nothing else of node_modules is needed.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const outputDirectory = path.join(root, 'greengrass-build', 'bundle');
const bundle = path.join(outputDirectory, 'kvs-webrtc-agent.mjs');
const nativeName = 'aws-crt-nodejs.node';

/** CommonJS parts of the bundle expect `require` and `__dirname`; aws-crt is told where its binary lies. */
const banner = `import { createRequire as kvsCreateRequire } from 'node:module';
import { fileURLToPath as kvsFileURLToPath } from 'node:url';
const require = kvsCreateRequire(import.meta.url);
const __dirname = kvsFileURLToPath(new URL('.', import.meta.url));
process.env.AWS_CRT_NODEJS_BINARY_ABSOLUTE_PATH ??= __dirname + '${nativeName}';`;

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest))
    throw new Error('package.json has no version');
  return String(manifest.version);
}

rmSync(outputDirectory, { recursive: true, force: true });
mkdirSync(outputDirectory, { recursive: true });
await build({
  entryPoints: [path.join(root, 'src', 'main.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  banner: { js: banner },
  define: { KVS_WEBRTC_AGENT_VERSION: JSON.stringify(readVersion()) },
  logLevel: 'warning',
});
const crt = path.dirname(createRequire(import.meta.url).resolve('aws-crt/package.json'));
copyFileSync(
  path.join(crt, 'dist', 'bin', `linux-${process.arch}-glibc`, nativeName),
  path.join(outputDirectory, nativeName),
);
const megabytes = (file: string) => (statSync(file).size / 1e6).toFixed(1);
process.stdout.write(
  `built ${path.relative(root, bundle)} (${megabytes(bundle)} MB) and ${nativeName} (${megabytes(path.join(outputDirectory, nativeName))} MB)\n`,
);
