/**
 * `npm run build`: bundles the agent into one file, `greengrass-build/bundle/kvs-webrtc-agent.mjs`, with aws-crt's native
 * binary beside it. Both can be copied anywhere; nothing else of node_modules is needed.
 */
import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BUNDLE_NAME, bundleAgent, CRT_NAME, PROJECT } from './bundle.ts';

const directory = join(PROJECT, 'greengrass-build/bundle');
await bundleAgent(directory);
const bundle = join(directory, BUNDLE_NAME);
const megabytes = (file: string) => `${(statSync(file).size / 1e6).toFixed(1)} MB`;
process.stdout.write(
  `built ${relative(PROJECT, bundle)} (${megabytes(bundle)}) and ${CRT_NAME} (${megabytes(join(directory, CRT_NAME))})\n`,
);
