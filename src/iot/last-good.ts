import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isObject, type JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { DesiredDocument } from './device-shadow.ts';

/**
 * The last desired document that was applied, on disk: with it the device boots as it was, with no cloud at all.
 * File: `{"sha256": "…", "document": {"version": n, "desired": {…}}}`.
 */
export class LastGoodFile {
  readonly path: string;
  readonly #log: Log;

  constructor(stateDirectory: string, shadowName: string, log: Log) {
    this.path = join(stateDirectory, `desired-${shadowName.replaceAll(':', '.')}.json`);
    this.#log = log;
  }

  /** Undefined where there is none, or none that is whole. */
  async load(): Promise<DesiredDocument | undefined> {
    try {
      return checked(JSON.parse(await readFile(this.path, 'utf8')));
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.#log.warn({ path: this.path, error: errorText(error) }, 'the last good configuration is ignored');
      return undefined;
    }
  }

  /** Atomic: whoever reads, also after a power cut, finds the old document or the new one. One call at a time. */
  async store(document: DesiredDocument): Promise<void> {
    const directory = dirname(this.path);
    // Always the same name, so that a cut leaves one file at most.
    const temporary = `${this.path}.tmp`;
    await mkdir(directory, { recursive: true });
    const text = JSON.stringify({ sha256: checksum(document), document });
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(temporary, this.path);
    // The rename itself is lost in a power cut unless the directory is written too.
    await withFile(directory, 'r', (folder) => folder.sync());
  }
}

async function withFile(
  path: string,
  flags: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

function checked(content: unknown): DesiredDocument {
  const document = isObject(content) ? content.document : undefined;
  if (!isObject(content) || !isObject(document)) throw new Error('it is not what was written');
  const { version, desired } = document;
  if (typeof version !== 'number' || !isObject(desired)) throw new Error('it is not what was written');
  const loaded = { version, desired };
  if (checksum(loaded) !== content.sha256) throw new Error('its checksum is wrong');
  return loaded;
}

function checksum({ version, desired }: DesiredDocument): string {
  return createHash('sha256')
    .update(JSON.stringify([version, desired] satisfies [number, JsonObject]))
    .digest('hex');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
