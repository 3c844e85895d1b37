import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { found, type Finding } from './finding.ts';

/** Whether a device file is there and may be used by this user; no finding where all is well. */
export async function checkDeviceNode(check: string, path: string): Promise<Finding[]> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return [];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') {
      const cure = 'check the cable and the name: "ls -l /dev/v4l/by-id" shows what there is';
      return [found(check, 'fail', `there is no ${path}`, cure)];
    }
    const group = await groupOf(path);
    const cure = `usermod -aG ${group} <user of the agent>, then restart it`;
    return [found(check, 'fail', `${path} may not be used by this user, its group is ${group}`, cure)];
  }
}

async function groupOf(path: string): Promise<string> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const gid = (await stat(path).catch(() => undefined))?.gid;
  const line = groups.split('\n').find((each) => each.split(':')[2] === String(gid));
  return line?.split(':')[0] ?? 'video';
}
