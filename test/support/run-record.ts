import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Everything that a run of the tests writes, and every secret that it gave out, in one folder: for the search at the
 * run's end (`test/run.ts secrets`). Without the variable nothing is kept.
 */
export const RECORD_VARIABLE = 'KVS_TEST_RECORD';
const SECRETS = 'secrets';
const OUTPUT = 'output';
/** Shorter ones would be found in anything. */
const SHORTEST_SECRET = 8;
/** A presigned URL is a credential, whoever signed it. */
const SIGNED_URL = 'X-Amz-(Signature|Security-Token)=[0-9A-Za-z%]{16}';

/** Begins an empty record. */
export function startRecord(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  for (const part of [SECRETS, OUTPUT]) mkdirSync(join(folder, part), { recursive: true });
}

/** Secrets that must not be found in what the run wrote, from now on. */
export function plant(...secrets: string[]): void {
  const folder = process.env[RECORD_VARIABLE];
  if (!folder) return;
  const forms = secrets
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  const lines = [...new Set(forms)].map((form) => `${form}\n`);
  appendFileSync(join(folder, SECRETS, String(process.pid)), lines.join(''));
}

/** Keeps what a program wrote or sent. `name`: of the file that it is added to. */
export function record(name: string, text: string): void {
  const folder = process.env[RECORD_VARIABLE];
  if (folder) appendFileSync(join(folder, OUTPUT, name), text);
}

/** Keeps a copy of a folder that a program wrote. */
export function recordFolder(name: string, path: string): void {
  const folder = process.env[RECORD_VARIABLE];
  if (folder && existsSync(path)) cpSync(path, join(folder, OUTPUT, name), { recursive: true });
}

/** `file:line` of every place where a planted secret or a presigned URL stands. Throws where nothing was planted or kept. */
export function leaks(folder: string): string[] {
  const secrets = grep(['-rh', '.', join(folder, SECRETS)]);
  if (secrets === '') throw new Error(`no secret was planted in ${folder}`);
  if (grep(['-rlm1', '.', join(folder, OUTPUT)]) === '') throw new Error(`nothing was kept in ${folder}`);
  const patterns = join(folder, 'patterns');
  rmSync(patterns, { force: true });
  appendFileSync(patterns, secrets);
  const found = [
    grep(['-rnaoF', '-f', patterns, join(folder, OUTPUT)]),
    grep(['-rnaoE', SIGNED_URL, join(folder, OUTPUT)]),
  ];
  const places = found.flatMap((text) => text.split('\n')).map((line) => /^(.*?:\d+):/.exec(line)?.[1] ?? '');
  return [...new Set(places)].filter((place) => place !== '');
}

/** Its output; empty where nothing matches. */
function grep(args: string[]): string {
  try {
    return execFileSync('grep', args, {
      encoding: 'utf8',
      maxBuffer: 1e9,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    });
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1) return '';
    throw error;
  }
}
