/** What is wrong with a JSON text, and where. */
export interface JsonFault {
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
  problem: string;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// oxlint-disable-next-line no-control-regex -- RFC 8259 section 7 forbids exactly these
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const MAX_DEPTH = 100;

/**
 * The first fault of a JSON text (RFC 8259), undefined where there is none. A key given twice is a fault as well:
 * JSON.parse would silently drop the first, a whole camera perhaps. And JSON.parse does not always say where.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  let at = 0;

  const take = (token: RegExp): string | undefined => {
    token.lastIndex = at;
    const found = token.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const next = (): string => {
    take(SPACE);
    return text[at] ?? '';
  };
  const fail = (expected: string): string =>
    at >= text.length ? `the text ends, expected ${expected}` : `expected ${expected}`;

  const value = (depth: number): string | undefined => {
    const first = next();
    if (depth > MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`;
    if (first === '{') return members(depth, '}', new Set());
    if (first === '[') return members(depth, ']');
    if (first === '"')
      return take(STRING) === undefined ? 'a broken text: unclosed, or an unknown escape' : undefined;
    return take(SCALAR) === undefined ? fail('a value (texts need double quotes)') : undefined;
  };
  /** An object where `keys` is given, else an array; `at` is on its opening bracket. */
  const members = (depth: number, close: string, keys?: Set<string>): string | undefined => {
    at += 1;
    if (next() === close) {
      at += 1;
      return undefined;
    }
    for (;;) {
      const problem = (keys && key(keys)) ?? value(depth + 1);
      if (problem !== undefined) return problem;
      const separator = next();
      if (separator !== ',' && separator !== close) return fail(`"," or "${close}"`);
      at += 1;
      if (separator === close) return undefined;
    }
  };
  const key = (keys: Set<string>): string | undefined => {
    next();
    const start = at;
    const name = take(STRING);
    if (name === undefined) return fail('a key in double quotes (no comma after the last entry)');
    if (keys.has(name)) {
      at = start;
      return `the key ${name} is given twice`;
    }
    keys.add(name);
    if (next() !== ':') return fail('":"');
    at += 1;
    return undefined;
  };

  let problem = value(0);
  if (problem === undefined && next() !== '') problem = 'nothing after the end of the document';
  if (problem === undefined) return undefined;
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, problem };
}
