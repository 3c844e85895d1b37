import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readLogin } from '../../../src/identity/secrets.ts';

const greengrassLogin = (secretId: string) => Promise.resolve(`${secretId}:pw`);
const env = { CAMERA_LOGIN: 'viewer:pass:word' };

test('a login comes from the environment or from a file, read at each use', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kvs-secret-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'login');
  const secrets = { a: { env: 'CAMERA_LOGIN' }, b: { file } };
  assert.deepEqual(await readLogin({ secrets, env }, 'a', 'camera'), {
    user: 'viewer',
    password: 'pass:word',
  });
  writeFileSync(file, 'admin:old\n');
  assert.deepEqual(await readLogin({ secrets, env }, 'b', 'camera'), { user: 'admin', password: 'old' });
  writeFileSync(file, 'admin:new\n');
  assert.deepEqual(await readLogin({ secrets, env }, 'b', 'camera'), { user: 'admin', password: 'new' });
});

test('a secret goes only to the hosts that it is for', async () => {
  const secrets = { a: { env: 'CAMERA_LOGIN', hosts: ['Cam-1.local'] } };
  assert.equal((await readLogin({ secrets, env }, 'a', 'cam-1.local')).user, 'viewer');
  await assert.rejects(readLogin({ secrets, env }, 'a', 'evil.example'), /secrets\.a\.hosts/);
});

test('what is missing is named, the secret never', async () => {
  await assert.rejects(readLogin({ secrets: {}, env }, 'gone', 'h'), /secrets\.gone/);
  await assert.rejects(readLogin({ secrets: { a: { env: 'UNSET' } }, env }, 'a', 'h'), /UNSET is not set/);
  await assert.rejects(
    readLogin({ secrets: { a: { file: '/nonexistent/login' } }, env }, 'a', 'h'),
    /\/nonexistent\/login cannot be read/,
  );
  await assert.rejects(
    readLogin({ secrets: { a: { env: 'X' } }, env: { X: 'hunter2' } }, 'a', 'h'),
    (error: Error) => {
      assert.doesNotMatch(error.message, /hunter2/);
      return /user:password/.test(error.message);
    },
  );
});

test('a secret of Greengrass is asked of the nucleus, and without one there is a clear error', async () => {
  const secrets = { a: { greengrass: 'camera/front' } };
  const login = await readLogin({ secrets, env, greengrassLogin }, 'a', 'h');
  assert.deepEqual(login, { user: 'camera/front', password: 'pw' });
  await assert.rejects(readLogin({ secrets, env }, 'a', 'h'), /secrets\.a: not started by the Greengrass/);
});
