/**
 * `npm run build`: bundles the agent into one file, `greengrass-build/bundle/kvs-webrtc-agent.mjs`, with aws-crt's native
 * binary beside it. Both can be copied anywhere; nothing else of node_modules is needed.
 */
import { copyFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BUNDLE_NAME, bundleAgent, crtBinary, CRT_NAME, PROJECT } from './bundle.ts';

const directory = join(PROJECT, 'greengrass-build/bundle');
await bundleAgent(directory);
const bundle = join(directory, BUNDLE_NAME);
const crt = join(directory, CRT_NAME);
copyFileSync(crtBinary(process.arch, 'glibc'), crt);
const megabytes = (file: string) => `${(statSync(file).size / 1e6).toFixed(1)} MB`;
process.stdout.write(
  `built ${relative(PROJECT, bundle)} (${megabytes(bundle)}) and ${CRT_NAME} (${megabytes(crt)})\n`,
);
