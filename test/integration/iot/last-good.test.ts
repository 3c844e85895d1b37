import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { killWhileStoring } from './support/kill-while-storing.ts';

test('kill -9 at 10 random moments of writing: the file is always whole', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'last-good-'));
  try {
    await killWhileStoring(directory, 10);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
