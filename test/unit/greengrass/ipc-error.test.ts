import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpcError, toError } from '../../../src/greengrass/ipc-error.ts';

/** What the SDK throws. */
function rpcError(members: object, text = 'Eventstream RPC request failed.'): Error {
  return Object.assign(new Error(text), members);
}

test("classic's errors keep their name and text", () => {
  const serviceError = {
    _service: 'aws.greengrass#GreengrassCoreIPC',
    _message: 'Principal x is not authorized',
    _errorCode: 'UnauthorizedError',
    message: 'Principal x is not authorized',
  };
  const error = toError('PublishToIoTCore', rpcError({ type: 8, serviceError }));
  assert.ok(error instanceof IpcError);
  assert.equal(error.code, 'UnauthorizedError');
  assert.equal(
    error.message,
    'PublishToIoTCore was answered with UnauthorizedError: Principal x is not authorized',
  );
  assert.equal(error.isUnsupported, false);
});

test('lite tells an operation that it does not have by saying nothing', () => {
  const unknown = toError(
    'GetSecretValue',
    rpcError({ serviceError: { _message: '', _errorCode: 'ServiceError' } }),
  );
  assert.ok(unknown instanceof IpcError && unknown.isUnsupported);
  const empty = toError('GetSecretValue', rpcError({ serviceError: {} }));
  assert.ok(empty instanceof IpcError && empty.isUnsupported);
  const failed = { _message: 'Failed to publish.', _errorCode: 'ServiceError' };
  const offline = toError('PublishToIoTCore', rpcError({ serviceError: failed }));
  assert.ok(offline instanceof IpcError && !offline.isUnsupported);
});

test('an error that the SDK does not foresee keeps its name', () => {
  const text = "Unexpected response shape received: 'aws.greengrass#InvalidArgumentsError'";
  const error = toError('SubscribeToComponentUpdates', rpcError({ type: 3 }, text));
  assert.ok(error instanceof IpcError);
  assert.equal(error.code, 'InvalidArgumentsError');
  assert.equal(error.isUnsupported, false);
});

test('without an answer it is another error, with what the native client said', () => {
  const error = toError(
    'UpdateState',
    rpcError({ type: 3, internalError: 'AWS_IO_SOCKET_CLOSED' }, 'no stream'),
  );
  assert.ok(!(error instanceof IpcError));
  assert.equal(error.message, 'UpdateState failed: no stream (AWS_IO_SOCKET_CLOSED)');
});
