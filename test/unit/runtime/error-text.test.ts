import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorText } from '../../../src/errors.ts';

test('a host none of whose addresses answers: the reason is told for each', () => {
  const refused = ['192.0.2.1:443', '192.0.2.2:443'].map((each) => new Error(`connect ECONNREFUSED ${each}`));
  // As `net.connect` rejects.
  const error = new AggregateError(refused);
  const told = 'connect ECONNREFUSED 192.0.2.1:443, connect ECONNREFUSED 192.0.2.2:443';
  assert.equal(errorText(error), told);
  assert.equal(errorText(new Error('no way', { cause: error })), `no way: ${told}`);
});

test('an error without words is told by its name', () => {
  assert.equal(errorText(new TypeError()), 'TypeError');
  assert.equal(errorText(new AggregateError([])), 'AggregateError');
});
