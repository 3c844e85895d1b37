import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const SOURCE = join(import.meta.dirname, '../../../src/runtime/network-interfaces.ts');
const PROGRAM = `
  import { openSync } from 'node:fs';
  const { networkInterfaces } = await import(${JSON.stringify(SOURCE)});
  const before = JSON.stringify(networkInterfaces());
  try { for (;;) openSync('/dev/null'); } catch {}
  process.stdout.write(String(JSON.stringify(networkInterfaces()) === before));
`;

test('without a file descriptor left, the interfaces are as they were', () => {
  const node = `ulimit -n 64; exec "$0" --input-type=module -e "$1"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', node, process.execPath, PROGRAM]);
  assert.equal(String(stdout), 'true', String(stderr));
});
