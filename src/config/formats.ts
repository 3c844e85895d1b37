import type { Json } from './layers.ts';

/** What a key's value must look like. */
export interface Format {
  /** How strings are read, since some deliver every scalar as a string (Greengrass nucleus lite). */
  kind: 'text' | 'number' | 'flag' | 'list';
  /** For the table of keys, e.g. `1…10`. */
  type: string;
  /** Completes "expected …". */
  expected: string;
  accepts(value: Json): boolean;
}

/** Text without control characters that matches `pattern`. */
export function text(type: string, expected: string, pattern: RegExp): Format {
  return {
    kind: 'text',
    type,
    expected,
    accepts: (value) => typeof value === 'string' && isPrintable(value) && pattern.test(value),
  };
}

export function choice(...choices: string[]): Format {
  const accepts = (value: Json) => typeof value === 'string' && choices.includes(value);
  const expected = choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(', ')}`;
  return { kind: 'text', type: choices.map((name) => `\`${name}\``).join(' '), expected, accepts };
}

export function oneOf(...choices: number[]): Format {
  const accepts = (value: Json) => typeof value === 'number' && choices.includes(value);
  const type = choices.map((value) => `\`${value}\``).join(' ');
  return { kind: 'number', type, expected: `one of ${choices.join(', ')}`, accepts };
}

export function whole(min: number, max: number): Format {
  const accepts = (value: Json) => Number.isInteger(value) && inRange(value, min, max);
  return { kind: 'number', type: `${min}…${max}`, expected: `a whole number from ${min} to ${max}`, accepts };
}

/** Encoders with 4:2:0 chroma take even sizes only. */
export function even(min: number, max: number): Format {
  const accepts = (value: Json) => inRange(value, min, max) && Number(value) % 2 === 0;
  return {
    kind: 'number',
    type: `${min}…${max}, even`,
    expected: `an even number from ${min} to ${max}`,
    accepts,
  };
}

export function decimal(min: number, max: number): Format {
  const accepts = (value: Json) => inRange(value, min, max);
  return { kind: 'number', type: `${min}…${max}`, expected: `a number from ${min} to ${max}`, accepts };
}

export const flag: Format = {
  kind: 'flag',
  type: 'true, false',
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** A list of at least one and at most 64 texts, each accepted by `item`. */
export function list(item: Format): Format {
  const accepts = (value: Json) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= 64 &&
    value.every((each) => item.accepts(each));
  return { kind: 'list', type: `list of ${item.type}`, expected: `a list of ${item.expected}`, accepts };
}

/** `format`, or the empty text. */
export function orEmpty(format: Format): Format {
  return { ...format, accepts: (value) => value === '' || format.accepts(value) };
}

/** A list, or an empty one. */
export function orNone(format: Format): Format {
  return {
    ...format,
    accepts: (value) => (Array.isArray(value) && value.length === 0) || format.accepts(value),
  };
}

/** A path of this machine; one that began with `-` could be read as an option. */
export const path: Format = text('path', 'a path that does not begin with "-"', /^[^-].{0,1023}$/);

/** `host[:port]`, an IPv6 address in brackets. */
export const hostAndPort: Format = text(
  'host[:port]',
  'host or host:port, without scheme or path',
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?$/,
);

/** Strings read as their format wants them; what cannot be read stays as it is, for the check to refuse. */
export function fromText(kind: Format['kind'], value: Json): Json {
  if (typeof value !== 'string') return value;
  if (kind === 'number' && /^-?\d{1,15}(\.\d{1,9})?$/.test(value.trim())) return Number(value);
  if (kind === 'flag' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return value;
}

function inRange(value: Json, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function isPrintable(value: string): boolean {
  return !/\p{Cc}/u.test(value);
}
