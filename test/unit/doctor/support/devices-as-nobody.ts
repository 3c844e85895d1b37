/** Prints what a user who is not root finds of the devices below a folder: access is checked by the real user id, so it takes a process. */
import { listDevices } from '../../../../src/doctor/devices.ts';

const [, , root = ''] = process.argv;
if (process.getuid?.() === 0) process.setuid?.(65_534);
process.stdout.write(JSON.stringify(await listDevices({ root, formatsOf: () => Promise.resolve([]) })));
