/** A component that is connected to its nucleus for as long as it is known there: what the agent is at its core. */
import { IpcClient, ipcAddress } from '../../../../src/greengrass/ipc-client.ts';
import { TokenRefusedError } from '../../../../src/greengrass/ipc-connection.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { supervise } from '../../../../src/runtime/supervise.ts';

const print = (text: string) => void process.stdout.write(`${text}\n`);
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const controller = new AbortController();
process.once('SIGTERM', () => controller.abort());
const keepAlive = setInterval(() => {}, 2 ** 30);
const address = ipcAddress(process.env);
if (!address) throw new Error('no nucleus');
const ipc = new IpcClient({ address, clock: systemClock, log });
ipc.attach(() => Promise.resolve(print('connected')));
await supervise((signal) => ipc.run(signal), controller.signal, {
  name: 'nucleus',
  clock: systemClock,
  random: systemRandom,
  log,
  backoff: { baseMs: 50, maxMs: 200 },
  onFailure: (error) => {
    if (error instanceof TokenRefusedError) process.exit(1);
  },
});
clearInterval(keepAlive);
