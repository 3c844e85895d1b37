/**
 * `npm run package`: the component for Greengrass, in the folders where GDK, greengrass-cli and ggl-cli look for it:
 * `greengrass-build/artifacts/<component>/<version>/*.zip` and `greengrass-build/recipes/`. The same sources make the
 * same bytes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { JsonObject } from '../src/config/layers.ts';
import { BUNDLE_NAME, bundleAgent, crtBinary, CRT_NAME, PROJECT, projectVersion, textAt } from './bundle.ts';
import { bundledPackages, type BundledPackage } from './bundled-packages.ts';
import { nodeRuntime, type Architecture } from './node-runtime.ts';
import { artifactName, deviceRecipe } from './recipe.ts';
import { recipeFaults } from './recipe-rules.ts';
import { createNotices, createSbom } from './sbom.ts';
import { createZip, type ZipEntry } from './zip.ts';

const USAGE = `Usage: npm run package [-- options]
  --arch x64|arm64   for this architecture only; may be given twice (default: both)
  --without-node     without the Node runtime: the device must have Node 24 or newer
  --output FOLDER    default: greengrass-build
`;
const ARCHITECTURES: readonly Architecture[] = ['x64', 'arm64'];
/** As `uname -m` says it; the install script compares. */
const MACHINES: Record<Architecture, string> = { x64: 'x86_64', arm64: 'aarch64' };
/** As aws-crt is named for Alpine and the like, which have musl where others have glibc. */
const MUSL_CRT_NAME = 'aws-crt-nodejs-musl.node';

interface Options {
  architectures: readonly Architecture[];
  withNode: boolean;
  output: string;
}

function parseOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true },
      'without-node': { type: 'boolean', default: false },
      output: { type: 'string', default: 'greengrass-build' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const asked = values.arch ?? ARCHITECTURES;
  const unknown = asked.find((name) => !ARCHITECTURES.some((each) => each === name));
  if (unknown !== undefined) throw new Error(`--arch is "${unknown}", expected x64 or arm64`);
  return {
    architectures: ARCHITECTURES.filter((each) => asked.includes(each)),
    withNode: !values['without-node'],
    output: resolve(values.output),
  };
}

async function packageComponent({ architectures, withNode, output }: Options): Promise<void> {
  const packages = bundledPackages(await bundleAgent(join(output, 'bundle')));
  const recipe = deviceRecipe(architectures, withNode);
  const component = textAt(recipe, 'ComponentName');
  const zips = architectures.map((each) => `${artifactName(each, withNode)}.zip`);
  const faults = recipeFaults(recipe, zips);
  if (faults.length > 0) throw new Error(`recipes/recipe.json:\n${faults.join('\n')}`);
  const folder = join(output, 'artifacts', component, projectVersion());
  // GDK publishes whatever lies there.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const architecture of architectures) {
    const zip = await createZip(await entriesFor(architecture, withNode, packages, join(output, 'bundle')));
    const file = join(folder, `${artifactName(architecture, withNode)}.zip`);
    writeFileSync(file, zip);
    process.stdout.write(`${relative(PROJECT, file)}: ${(zip.length / 1e6).toFixed(1)} MB\n`);
  }
  writeRecipe(join(output, 'recipes'), component, recipe);
}

async function entriesFor(
  architecture: Architecture,
  withNode: boolean,
  packages: readonly BundledPackage[],
  bundleFolder: string,
): Promise<ZipEntry[]> {
  const runtime = withNode ? await nodeRuntime(architecture) : undefined;
  const all = runtime ? [...packages, runtime.package] : packages;
  const entries: ZipEntry[] = [
    { name: BUNDLE_NAME, data: readFileSync(join(bundleFolder, BUNDLE_NAME)) },
    { name: CRT_NAME, data: readFileSync(crtBinary(architecture, 'glibc')) },
    { name: 'run.sh', data: readFileSync(join(import.meta.dirname, 'run.sh')), isExecutable: true },
    { name: 'install.sh', data: readFileSync(join(import.meta.dirname, 'install.sh')), isExecutable: true },
    { name: 'machine', data: Buffer.from(`${MACHINES[architecture]}\n`) },
    { name: 'LICENSE', data: readFileSync(join(PROJECT, 'LICENSE')) },
    { name: 'THIRD-PARTY-LICENSES', data: Buffer.from(createNotices(all)) },
    { name: 'sbom.cdx.json', data: Buffer.from(createSbom(projectVersion(), all)) },
  ];
  if (runtime) {
    const { binary, compressed } = runtime;
    entries.push({ name: 'node', data: binary, compressed, isExecutable: true });
  } else {
    // Whose Node it will be is not known here.
    entries.push({ name: MUSL_CRT_NAME, data: readFileSync(crtBinary(architecture, 'musl')) });
  }
  return entries;
}

/** GDK reads `recipe.json`, the local deployments of both nuclei `<component>-<version>.json`. */
function writeRecipe(folder: string, component: string, recipe: JsonObject): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['recipe', `${component}-${projectVersion()}`]) {
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(recipe, undefined, 2)}\n`);
  }
}

const options = parseOptions();
if (options) await packageComponent(options);
else process.stdout.write(USAGE);
