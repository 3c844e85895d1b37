import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { ChildProgram } from '../../cloud/child-program.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const CAMERA = join(import.meta.dirname, 'support/onvif-camera.ts');
const DEVICE = `kvs-scan-device-${process.pid}`;
const NETWORK = `kvs-scan-cameras-${process.pid}`;
const CAMERA_ADDRESS = '10.213.2.2';

/**
 * A device with two networks, one towards the internet, where its default route goes, and one with a camera:
 *
 *     nobody ── 10.213.1.1 device 10.213.2.1 ── 10.213.2.2 camera
 */
describe('a scan of the local networks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-scan-'));
  let camera: ChildProgram;

  before(async () => {
    for (const name of [DEVICE, NETWORK]) ip(`netns add ${name}`);
    for (const network of [1, 2]) {
      ip(`link add eth${network} netns ${DEVICE} type veth peer name to-device${network} netns ${NETWORK}`);
      for (const [name, link, host] of [
        [DEVICE, `eth${network}`, 1],
        [NETWORK, `to-device${network}`, 2],
      ] as const) {
        // The far end of the way to the internet has no address: nothing there answers.
        if (network === 2 || name === DEVICE)
          ip(`-n ${name} addr add 10.213.${network}.${host}/29 dev ${link}`);
        ip(`-n ${name} link set ${link} up`);
      }
    }
    ip(`-n ${DEVICE} link set lo up`);
    ip(`-n ${DEVICE} route add default via 10.213.1.2`);
    const inNetwork = ['netns', 'exec', NETWORK, process.execPath, CAMERA, CAMERA_ADDRESS];
    camera = await ChildProgram.start('ip', inNetwork, /^ready$/m);
  });
  after(async () => {
    await camera?.stop();
    for (const name of [DEVICE, NETWORK]) execFileSync('sh', ['-c', `ip netns del ${name} || true`]);
    rmSync(folder, { recursive: true });
  });

  test('finds an ONVIF camera by multicast on the network that is not the way to the internet, and its RTSP port', async () => {
    const config = join(folder, 'agent.json');
    const cameras = { front: { source: { type: 'test' }, enabled: false } };
    // Nothing else is to be looked at.
    const settings = { aws: { region: 'us-west-2' }, credentials: { source: 'environment' }, cameras };
    writeFileSync(config, JSON.stringify({ ...settings, device: { thingName: 'scanner' } }));
    const { PATH = '' } = process.env;
    const doctor = [
      'netns',
      'exec',
      DEVICE,
      process.execPath,
      MAIN,
      'doctor',
      '--config',
      config,
      '--scan',
      '--json',
    ];
    const env = { PATH, HOME: folder, AWS_ENDPOINT_URL_KINESIS_VIDEO: 'https://127.0.0.1:1' };
    const run = promisify(execFile)('ip', doctor, { env, encoding: 'utf8' });
    // It ends with 1: there is no cloud.
    const { stdout } = await run.catch((error: unknown) => ({ stdout: String(Object(error).stdout) }));
    const report: { findings: { check: string; verdict: string; detail: string }[] } = JSON.parse(stdout);
    const found = report.findings.filter(({ check }) => check === 'scan');
    assert.deepEqual(found, [
      {
        check: 'scan',
        verdict: 'pass',
        detail: `ONVIF camera: http://${CAMERA_ADDRESS}/onvif/device_service (Gate Camera)`,
      },
      { check: 'scan', verdict: 'pass', detail: `RTSP server: rtsp://${CAMERA_ADDRESS}:554/` },
    ]);
  });
});

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}
