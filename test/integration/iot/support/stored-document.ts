import type { DesiredDocument } from '../../../../src/iot/device-shadow.ts';

/** A document whose content follows from its version, of a few KB and never of one length. */
export function documentOf(version: number): DesiredDocument {
  return { version, desired: { log: { level: 'debug' }, text: `${version} `.repeat(200 + (version % 400)) } };
}
