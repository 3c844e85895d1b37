import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { NetworkReturn } from '../../../src/runtime/network-return.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function info(address: string, internal = false): NetworkInterfaceInfo {
  return { address, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '', cidr: null };
}

const LOOPBACK = { lo: [info('127.0.0.1', true)] };
const WIRED = { ...LOOPBACK, eth0: [info('192.168.0.2')] };
const MOBILE = { ...LOOPBACK, wwan0: [info('10.1.2.3')] };

test('an address that was not there before is told; one that goes is not', async () => {
  const clock = new SimulatedClock();
  let interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = WIRED;
  const network = new NetworkReturn(clock, () => interfaces);
  const stop = new AbortController();
  const ended = network.run(stop.signal);
  const told = (next: NodeJS.Dict<NetworkInterfaceInfo[]>): boolean => {
    const signal = network.next();
    interfaces = next;
    clock.advance(1_000);
    return signal.aborted;
  };
  const steps = [WIRED, LOOPBACK, LOOPBACK, WIRED, WIRED, { ...WIRED, ...MOBILE }, MOBILE, {}, MOBILE];
  assert.deepEqual(steps.map(told), [false, false, false, true, false, true, false, false, true]);
  assert.equal(network.next().aborted, false);
  stop.abort();
  await ended;
  assert.equal(told(WIRED), false);
});
