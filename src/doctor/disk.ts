import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../errors.ts';
import { found, type Finding } from './finding.ts';

const MEGABYTE = 1_000_000;
const LEAST_MEGABYTES = 5;
const WARN_MEGABYTES = 50;

/** Whether the state directory takes files, by writing one, and how much room there is. */
export async function checkDisk(stateDirectory: string): Promise<Finding[]> {
  if (stateDirectory === '') {
    const cure = 'set stateDirectory, so that the agent starts without the cloud';
    return [found('disk', 'warn', 'no stateDirectory: nothing outlives a restart', cure)];
  }
  const probe = join(stateDirectory, '.doctor');
  try {
    await mkdir(stateDirectory, { recursive: true });
    await writeFile(probe, Buffer.alloc(64 * 1024));
  } catch (error) {
    return [found('disk', 'fail', `${stateDirectory} takes no files: ${errorText(error)}`, writeCure(error))];
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
  const { bavail, bsize } = await statfs(stateDirectory);
  const free = Math.round((bavail * bsize) / MEGABYTE);
  const text = `${free} MB free in ${stateDirectory}`;
  if (free >= WARN_MEGABYTES) return [found('disk', 'pass', text)];
  return [found('disk', free < LEAST_MEGABYTES ? 'fail' : 'warn', text, FULL)];
}

const FULL = 'free space on that file system (old logs, old component versions)';

function writeCure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') return FULL;
  if (code === 'EROFS') return 'the file system is mounted read-only: has it failed? check dmesg';
  return 'give the user of the agent write access, or set stateDirectory to another folder';
}
