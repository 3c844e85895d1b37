/** Where in a JSON text its keys stand: just enough for an editor, on texts that may not be JSON yet. */

/**
 * Every key of a text with its path and place, in order.
 * @param {string} text
 * @returns {{ path: string[], start: number, end: number }[]}
 */
function keysOf(text) {
  const keys = [];
  /** @type {(string | undefined)[]} the key in force at each depth */
  const path = [];
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') path.push(undefined);
    else if (token === '}' || token === ']') path.pop();
    else if (token.endsWith(':') && path.length > 0) {
      path[path.length - 1] = token.slice(1, token.lastIndexOf('"'));
      keys.push({ path: path.filter((key) => key !== undefined), start: index, end: index + token.length });
    }
  }
  return keys;
}

/**
 * Path of the key that the cursor is on, or last passed.
 * @param {string} text
 * @param {number} cursor
 */
export function keyAt(text, cursor) {
  return keysOf(text).findLast(({ start }) => start <= cursor)?.path ?? [];
}

/**
 * The schema's name for a path: names of the user's become `<name>`.
 * @param {string[]} path
 * @param {Map<string, unknown>} schema by key
 */
export function schemaKey(path, schema) {
  const [first, , ...rest] = path;
  if (first !== 'cameras') return path.join('.');
  const key = ['cameras', '<name>', ...rest];
  if (key[2] === 'video' && key[3] === 'renditions' && key.length > 4) key[4] = '<name>';
  return schema.has(key.join('.')) ? key.join('.') : '';
}

/**
 * The line of the key that a fault begins with (`cameras.front.video.codec: …`), or of the position that JSON.parse
 * names; undefined where it names none.
 * @param {string} text
 * @param {string} fault
 */
export function lineOf(text, fault) {
  const at = Number(/at position (\d+)/.exec(fault)?.[1] ?? NaN);
  const key = keysOf(text).findLast(({ path }) => fault.startsWith(path.join('.')) && path.length > 1);
  const start = Number.isNaN(at) ? key?.start : at;
  if (start === undefined) return undefined;
  const number = text.slice(0, start).split('\n').length;
  return { number, start, end: key && Number.isNaN(at) ? key.end : start + 1 };
}
