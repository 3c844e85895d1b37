import type { BundledPackage } from './bundled-packages.ts';

/** CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), without the time and number that would differ by build. */
export function createSbom(version: string, packages: readonly BundledPackage[]): string {
  const components = packages.map(toComponent);
  const sbom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': 'kvs-webrtc-agent',
        name: 'kvs-webrtc-agent',
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components,
    dependencies: [{ ref: 'kvs-webrtc-agent', dependsOn: components.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}

function toComponent({ name, version, license, integrity }: BundledPackage) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const licenses = [license.includes(' ') ? { expression: license } : { license: { id: license } }];
  const hashes = integrity === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: hexOf(integrity) }] };
  return { type: 'library', 'bom-ref': purl, name, version, ...hashes, licenses, purl };
}

/** Of `sha512-<base64>`. */
function hexOf(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
}

/** The license texts of everything that the artifact carries beside the agent. */
export function createNotices(packages: readonly BundledPackage[]): string {
  const line = '='.repeat(78);
  const sections = packages.map((each) => {
    const text = each.texts.length > 0 ? each.texts.join('\n\n') : standardText(each);
    return `${line}\n${each.name} ${each.version} (${each.license})\n${line}\n\n${text.trim()}\n`;
  });
  return `What this artifact carries beside the agent itself, whose license is in the file LICENSE.\n\n${sections.join('\n')}`;
}

/** Some packages name their license but leave its text out. Throws for one whose text is not known here. */
function standardText({ name, license, author }: BundledPackage): string {
  if (license === 'Apache-2.0') return 'Apache License, Version 2.0: its text is in the file LICENSE.';
  if (license === 'MIT' && author !== '') return mitText(author);
  throw new Error(`${name} has no text of its license (${license}), which the artifact must carry`);
}

/** https://spdx.org/licenses/MIT.html */
function mitText(author: string): string {
  return `MIT License

Copyright (c) ${author}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
}
