import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packagedDevice, type PackagedDevice } from './support/packaged-device.ts';

/** Debian's cross libraries: what the artifact asks of a device. */
const environment = { PATH: '/usr/bin:/bin', QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' };

describe('the arm64 artifact, in an emulator', () => {
  let device: PackagedDevice;

  before(() => {
    device = packagedDevice('arm64');
  });
  after(() => device.remove());

  /** Runs the artifact's own Node; resolves to what it prints. */
  function node(...args: string[]): string {
    const command = [join(device.artifact, 'node'), ...args];
    return execFileSync('qemu-aarch64', command, { env: environment, encoding: 'utf8' }).trim();
  }
  const agent = (...args: string[]) => node(join(device.artifact, 'kvs-webrtc-agent.mjs'), ...args);

  test('says its version', () => {
    assert.equal(node('-p', 'process.arch'), 'arm64');
    assert.match(agent('--version'), /^\d+\.\d+\.\d+$/);
  });

  test('checks a configuration', () => {
    const file = join(dirname(device.decompressedPath), 'agent.json');
    const cameras = { front: { channelName: 'front', source: { type: 'test' } } };
    writeFileSync(file, JSON.stringify({ aws: { region: 'us-west-2' }, cameras }));
    assert.equal(agent('check-config', '--config', file), 'the configuration is valid');
  });

  test('loads the native AWS library', () => {
    const crt = join(device.artifact, 'aws-crt-nodejs.node');
    assert.equal(node('-p', `typeof require(${JSON.stringify(crt)}).mqtt5_client_new`), 'function');
  });
});
