import { FatalStartupError } from '../errors.ts';
import { originOf, type Json, type Layer } from './layers.ts';

/** One thing wrong with a configuration. Safe for logs and for the device shadow: secrets are redacted. */
export interface Fault {
  /** The key's full name, e.g. `cameras.front.viewers.max`. */
  key: string;
  /** What was given, as JSON of at most 80 characters; empty where nothing was. */
  value: string;
  /** What would be right. */
  expected: string;
  /** The layer that said it: `file …`, `environment`, `shadow`, `defaults`. */
  layer: string;
}

/** A configuration that cannot be used; `faults` holds everything wrong with it. */
export class ConfigError extends FatalStartupError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`the configuration has ${count}:\n${faults.map((fault) => `  ${faultText(fault)}`).join('\n')}`);
    this.faults = faults;
  }
}

/** One line for a person: `cameras.front.viewers.max is 50 (file a.json), expected a whole number from 1 to 10`. */
export function faultText({ key, value, expected, layer }: Fault): string {
  return `${key} is ${value === '' ? 'not set' : value} (${layer}), expected ${expected}`;
}

/** Collects the faults of one configuration, each with the layer it came from; a key is reported once. */
export class FaultReport {
  readonly #byKey = new Map<string, Fault>();
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers;
  }

  add(path: readonly string[], value: Json | undefined, expected: string): void {
    const key = path.map(shownKey).join('.');
    if (this.#byKey.has(key)) return;
    this.#byKey.set(key, { key, value: shown(path, value), expected, layer: originOf(this.#layers, path) });
  }

  get faults(): Fault[] {
    return [...this.#byKey.values()];
  }
}

const MAX_SHOWN = 80;
const SECRET_NAME = /pass|pwd|secret|token|accessKey/i;

function shown(path: readonly string[], value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (path[0] === 'secrets' || SECRET_NAME.test(path.at(-1) ?? '')) return '(redacted)';
  const text = JSON.stringify(value, (key, inner: Json) => (SECRET_NAME.test(key) ? '(redacted)' : inner))
    // user:password@ of any URL, and what cameras take as parameters
    .replace(/(:\/\/)[^/\s"]*@/g, '$1(redacted)@')
    .replace(/((?:user|pass|pwd|token|auth)\w*=)[^&"\s]*/gi, '$1(redacted)');
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

/** Keys come from outside too: bounded, and quoted where they would read as something else. */
function shownKey(key: string): string {
  return /^[\w-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64));
}
