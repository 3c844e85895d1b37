import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeaderValue } from '../../../src/greengrass/event-stream.ts';
import { IpcError } from '../../../src/greengrass/ipc-error.ts';

function answered(shape: string | undefined, payload: string): IpcError {
  const headers = new Map<string, HeaderValue>(shape === undefined ? [] : [['service-model-type', shape]]);
  return IpcError.from('PublishToIoTCore', { headers, payload: Buffer.from(payload) });
}

test("classic's errors keep their name and text", () => {
  const error = answered(
    'aws.greengrass#UnauthorizedError',
    '{"message":"Not you","_service":"aws.greengrass#GreengrassCoreIPC","_message":"Not you","_errorCode":"UnauthorizedError"}',
  );
  assert.equal(error.code, 'UnauthorizedError');
  assert.equal(error.message, 'PublishToIoTCore was answered with UnauthorizedError: Not you');
  assert.equal(error.isUnsupported, false);
  assert.match(answered('aws.greengrass#ServiceError', '{"message":"older ones"}').message, /older ones/);
});

test('lite tells an operation that it does not have by saying nothing', () => {
  for (const payload of ['{"_message":"","_errorCode":"ServiceError"}', '{}', '']) {
    assert.equal(answered('aws.greengrass#ServiceError', payload).isUnsupported, true, payload);
  }
  const offline = answered(
    'aws.greengrass#ServiceError',
    '{"_message":"Failed to publish.","_errorCode":"ServiceError"}',
  );
  assert.equal(offline.isUnsupported, false);
  assert.match(offline.message, /ServiceError: Failed to publish\./);
  assert.equal(answered('aws.greengrass#ResourceNotFoundError', '{}').isUnsupported, false);
});

test('a fault of the protocol is plain text, and bounded', () => {
  assert.match(answered(undefined, 'no such operation').message, /an error: no such operation/);
  assert.ok(answered(undefined, 'x'.repeat(100_000)).message.length < 1000);
});
