import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createZip, type ZipEntry } from '../../../artifacts/zip.ts';

const name = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}\.[a-z]{1,3}$/);
const entry = fc.record({
  name,
  data: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
  isExecutable: fc.boolean(),
});
const entries = fc.uniqueArray(entry, { selector: (each) => each.name, minLength: 1, maxLength: 8 });

test('unzip finds no fault in it and gives back every file with its mode', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (files) => {
      const folder = mkdtempSync(join(tmpdir(), 'kvs-zip-'));
      try {
        const file = join(folder, 'test.zip');
        writeFileSync(file, await createZip(files));
        execFileSync('unzip', ['-tqq', file]);
        execFileSync('unzip', ['-qq', file, '-d', join(folder, 'out')]);
        for (const { name: path, data, isExecutable } of files) {
          const unpacked = join(folder, 'out', path);
          assert.deepEqual(readFileSync(unpacked), data);
          assert.equal(statSync(unpacked).mode & 0o777, isExecutable ? 0o755 : 0o644);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 25 },
  );
});

test('the same files make the same bytes, in whatever order they come', async () => {
  const shuffled = entries.chain((files) =>
    fc.tuple(
      fc.constant(files),
      fc.shuffledSubarray(files, { minLength: files.length, maxLength: files.length }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(shuffled, async ([files, others]: [ZipEntry[], ZipEntry[]]) => {
      assert.deepEqual(await createZip(files), await createZip(others));
    }),
    { numRuns: 50 },
  );
});
