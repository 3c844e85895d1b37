import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { findJsonFault } from '../../../src/config/json-text.ts';

const CASES: { name: string; text: string; line: number; column: number; problem: RegExp }[] = [
  {
    name: 'a comma too many',
    text: '{\n  "a": 1,\n}',
    line: 3,
    column: 1,
    problem: /no comma after the last/,
  },
  { name: 'a comma too few', text: '{"a": 1\n "b": 2}', line: 2, column: 2, problem: /expected "," or "}"/ },
  { name: 'no quotes', text: '{\n "a": front }', line: 2, column: 7, problem: /need double quotes/ },
  { name: 'an early end', text: '{"a": [1, 2', line: 1, column: 12, problem: /the text ends/ },
  { name: 'an open text', text: '{"a": "b\n}', line: 1, column: 7, problem: /unclosed/ },
  { name: 'more after the end', text: '{}\n{}', line: 2, column: 1, problem: /after the end/ },
  { name: 'nothing', text: '', line: 1, column: 1, problem: /the text ends/ },
  {
    name: 'a camera twice',
    text: '{"front": 1,\n "front": 2}',
    line: 2,
    column: 2,
    problem: /"front" is given twice/,
  },
];

for (const { name, text, line, column, problem } of CASES) {
  test(`says where: ${name}`, () => {
    const fault = findJsonFault(text);
    assert.ok(fault);
    assert.deepEqual({ line: fault.line, column: fault.column }, { line, column });
    assert.match(fault.problem, problem);
  });
}

test('finds a fault exactly where JSON.parse throws', () => {
  const mutated = fc
    .tuple(
      fc.json({ maxDepth: 4 }),
      fc.nat(),
      fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', '1', ' ', '\n', 'e', '-', '.', '\u0001'),
    )
    .map(([text, at, piece]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + piece + text.slice(index + (at % 2));
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json(), fc.string()), (text) => {
      const fault = findJsonFault(text);
      if (fault?.problem.includes('twice')) return;
      assert.equal(fault === undefined, parses(text), JSON.stringify({ text, fault }));
    }),
    { numRuns: 5000 },
  );
});

test('nesting without end is a fault, not a crash', () => {
  assert.match(findJsonFault('['.repeat(100_000))?.problem ?? '', /deeper than/);
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
