import assert from 'node:assert/strict';
import { readRequest, writeError } from '../../../src/control/control-message.ts';
import { mutate, randomIntegers } from '../../support/mutate.ts';

const REQUESTS = [
  { v: 1, id: '1', method: 'renditions' },
  { v: 1, id: 'a.b:c-d', method: 'snapshot', params: { width: 640, quality: 80 } },
  { v: 1, id: '2', method: 'command', params: { name: 'ptz', arguments: { pan: [1, { tilt: -2 }] } } },
  { v: 2, id: '3', method: 'pause', params: {} },
  [1],
  null,
].map((request) => Buffer.from(JSON.stringify(request)));
REQUESTS.push(
  Buffer.from('{"v":1,"id":"4","method":"constructor","params":{"__proto__":{"name":1}},"__proto__":{}}'),
);

/** Random and mutated requests: each is read or refused with an answer that fits a message; nothing throws. */
export function fuzzControl(count: number, seed: number): void {
  const random = randomIntegers(seed);
  let accepted = 0;
  for (let i = 0; i < count; i += 1) {
    const request = REQUESTS[random(REQUESTS.length)]!;
    const text = mutate(request, random).toString(random(2) === 0 ? 'utf8' : 'latin1');
    const read = readRequest(text);
    if ('problem' in read) {
      const answer = writeError(read.id, read.code, read.problem);
      assert.ok(answer.length < 600, answer);
    } else {
      accepted += 1;
      assert.match(read.id, /^[\w.:-]{1,64}$/);
      assert.match(read.method, /^[a-z][a-z-]*$/);
      assert.equal(typeof read.params, 'object');
    }
  }
  assert.ok(accepted > 0 && accepted < count);
}
