import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

const MAIN = join(import.meta.dirname, '../../cloud/main.ts');
/** No other comes after it. */
const LAST_PORT = 65_535;
const TIMEOUT_MS = 20_000;

test('npm start whose console has no port says so and ends, with all that it had started', async () => {
  const taken = createServer().listen(LAST_PORT, '127.0.0.1');
  await once(taken, 'listening');
  try {
    const program = execFile(process.execPath, [MAIN, '--port', String(LAST_PORT)], { timeout: TIMEOUT_MS });
    let output = '';
    program.stdout?.on('data', (text: string) => (output += text));
    program.stderr?.on('data', (text: string) => (output += text));
    const [code] = await once(program, 'close');
    assert.match(output, /^Not started: the console cannot listen on port 65535: .*EADDRINUSE/);
    assert.equal(code, 1, 'killed: it did not end by itself');
  } finally {
    taken.close();
  }
});
