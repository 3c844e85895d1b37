import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readLogin } from '../../../src/identity/secrets.ts';

const env = { CAMERA_LOGIN: 'viewer:pass:word' };

test('a login comes from the environment or from a file, read at each use', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kvs-secret-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'login');
  const secrets = { a: { env: 'CAMERA_LOGIN' }, b: { file } };
  assert.deepEqual(await readLogin(secrets, env, 'a', 'camera'), { user: 'viewer', password: 'pass:word' });
  writeFileSync(file, 'admin:old\n');
  assert.deepEqual(await readLogin(secrets, env, 'b', 'camera'), { user: 'admin', password: 'old' });
  writeFileSync(file, 'admin:new\n');
  assert.deepEqual(await readLogin(secrets, env, 'b', 'camera'), { user: 'admin', password: 'new' });
});

test('a secret goes only to the hosts that it is for', async () => {
  const secrets = { a: { env: 'CAMERA_LOGIN', hosts: ['Cam-1.local'] } };
  assert.equal((await readLogin(secrets, env, 'a', 'cam-1.local')).user, 'viewer');
  await assert.rejects(readLogin(secrets, env, 'a', 'evil.example'), /secrets\.a\.hosts/);
});

test('what is missing is named, the secret never', async () => {
  await assert.rejects(readLogin({}, env, 'gone', 'h'), /secrets\.gone/);
  await assert.rejects(readLogin({ a: { env: 'UNSET' } }, env, 'a', 'h'), /UNSET is not set/);
  await assert.rejects(
    readLogin({ a: { file: '/nonexistent/login' } }, env, 'a', 'h'),
    /\/nonexistent\/login cannot be read/,
  );
  await assert.rejects(readLogin({ a: { env: 'X' } }, { X: 'hunter2' }, 'a', 'h'), (error: Error) => {
    assert.doesNotMatch(error.message, /hunter2/);
    return /user:password/.test(error.message);
  });
});
