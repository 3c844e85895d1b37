import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { LastGoodFile } from '../../../../src/iot/last-good.ts';
import { quiet } from './device.ts';
import { documentOf } from './stored-document.ts';

const PROGRAM = fileURLToPath(new URL('store-until-killed.ts', import.meta.url));

/**
 * `times`: starts a program that stores documents, kills it -9 at a random moment between two writes or within one,
 * and asserts that what it leaves is whole: the last document it said was safe, or the one it was writing.
 */
export async function killWhileStoring(directory: string, times: number): Promise<void> {
  let version = 1;
  for (let time = 0; time < times; time += 1) {
    const child = spawn(process.execPath, [PROGRAM, directory, String(version)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    // Counted in writes, not in time; the kill itself falls anywhere within the next one.
    const writes = 1 + Math.floor(Math.random() * 20);
    let seen = 0;
    for await (const line of createInterface(child.stdout)) {
      version = Number(line);
      seen += 1;
      if (seen === writes) setTimeout(() => child.kill('SIGKILL'), Math.random() * 3);
    }
    await exited;
    const left = await new LastGoodFile(directory, 'kvs-webrtc', quiet).load();
    assert.ok(left, `nothing whole is left after kill ${time}`);
    assert.ok(
      left.version === version || left.version === version + 1,
      `${left.version} after ${version} was safe`,
    );
    assert.deepEqual(left, documentOf(left.version));
    version = left.version + 1;
  }
}
