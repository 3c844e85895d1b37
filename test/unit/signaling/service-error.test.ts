import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockHint, safeText, ServiceError } from '../../../src/signaling/service-error.ts';

test('what the service answers decides what is done about it', () => {
  const cases: [number | undefined, string, string][] = [
    [403, 'AccessDeniedException', 'denied'],
    [401, 'NotAuthorizedException', 'denied'],
    [400, 'ExpiredTokenException', 'denied'],
    [400, 'InvalidSignatureException', 'denied'],
    [403, '', 'denied'],
    [404, 'ResourceNotFoundException', 'not-found'],
    [400, 'InvalidArgumentException', 'invalid'],
    [400, 'ClientLimitExceededException', 'throttled'],
    [429, '', 'throttled'],
    [400, 'ThrottlingException', 'throttled'],
    [500, 'InternalFailure', 'unavailable'],
    [502, '', 'unavailable'],
    [undefined, '', 'unavailable'],
  ];
  for (const [statusCode, errorType, fault] of cases) {
    assert.equal(new ServiceError('X', { statusCode, errorType }, '').fault, fault, errorType);
  }
});

function asked(retryAfter: string | undefined): number {
  return new ServiceError('X', { retryAfter }, '').retryAfterMs;
}

test('Retry-After is honoured in seconds, within reason', () => {
  assert.equal(asked('7'), 7_000);
  assert.equal(asked('1000000'), 300_000);
  for (const header of [undefined, '', '-1', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT'])
    assert.equal(asked(header), 0);
});

test('a refused signature’s canonical request, token and all, stays out of the error', () => {
  const aws =
    'The request signature we calculated does not match the signature you provided. The Canonical String for ' +
    "this request should have been\n'GET\n/\nX-Amz-Credential=AKIA&X-Amz-Security-Token=SECRETTOKEN&X\nhost'";
  const oneLine = 'wrong: X-Amz-Security-Token=SECRETTOKEN&X-Amz-Signature=SECRETTOKEN, sorry';
  for (const message of [aws, oneLine]) {
    const { message: text } = new ServiceError('ConnectAsMaster', { statusCode: 403, message }, '');
    assert.ok(!text.includes('SECRETTOKEN'), text);
  }
  assert.match(safeText(aws), /^The request signature we calculated does not match/);
});

test('the operator is told about the clock', () => {
  const nowMs = Date.UTC(2025, 0, 1);
  assert.match(clockHint(nowMs, 420_000), /2025-01-01.* 420 s behind the service; corrected/);
  assert.match(clockHint(nowMs, -60_000), /60 s ahead of/);
  const tls = Object.assign(new Error('certificate is not yet valid'), { code: 'CERT_NOT_YET_VALID' });
  assert.match(clockHint(0, 0, tls), /is the device clock right\? it says 1970-01-01/);
  assert.equal(clockHint(nowMs, 0, new Error('ECONNREFUSED')), '');
});
