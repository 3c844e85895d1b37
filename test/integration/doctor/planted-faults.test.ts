import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { diagnose } from '../../../src/diagnose.ts';
import type { JsonObject } from '../../../src/config/layers.ts';
import type { Finding } from '../../../src/doctor/finding.ts';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud } from '../iot/support/device.ts';

const DAY_MS = 86_400_000;
/** Every device file that may be read and written will do. */
const BUSY_CAMERA = `/dev/video${process.pid}`;
const BUSY_FFMPEG = join(import.meta.dirname, 'support/ffmpeg-busy.sh');
const small = { renditions: { high: { width: 160, height: 120, fps: 10, bitrateKbps: 100 } } };

/** Changes to a healthy device's configuration, environment and clock. */
interface Plant {
  config?: Record<string, object>;
  cameras?: JsonObject;
  device?: Partial<Device>;
  env?: Record<string, string>;
  clock?: Clock;
}

describe('doctor', () => {
  let cloud: LocalCloud;
  let device: Device;
  let folder: string;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true, turn: true });
    cloud.trust();
    cloud.createChannel('front');
    device = await cloud.createDevice('patient');
    folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  });
  after(async () => {
    await closeCloud(cloud);
    rmSync(folder, { recursive: true, force: true });
  });

  async function examine(plant: Plant = {}): Promise<Finding[]> {
    const { config = {}, cameras = {}, env = {}, clock = systemClock } = plant;
    const healthy = cloud.agentConfig({ ...device, ...plant.device }, {});
    const values = JSON.parse(
      JSON.stringify({
        ...healthy,
        aws: { region: cloud.context.region, endpoint: cloud.controlEndpoint },
        stateDirectory: folder,
        ...Object.fromEntries(
          Object.entries(config).map(([key, value]) => [key, { ...Object(healthy)[key], ...value }]),
        ),
        cameras: { front: { channelName: 'front', source: { type: 'test' }, video: small }, ...cameras },
      }),
    );
    const load = () => Promise.resolve([{ name: 'file', values }]);
    const findings = await diagnose({ load, env, scan: false, clock, random: systemRandom });
    const secrets = /-----BEGIN|Signature=|X-Amz-Security|sessionToken/;
    assert.doesNotMatch(JSON.stringify(findings), secrets);
    return findings;
  }

  test('a healthy device passes every check', async () => {
    const findings = await examine();
    const bad = findings.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn');
    assert.deepEqual(bad, []);
    const checks = new Set(findings.filter(({ verdict }) => verdict === 'pass').map(({ check }) => check));
    const expected = [
      'configuration',
      'disk',
      'ffmpeg',
      'encoder',
      'user',
      'camera front',
      'certificate',
      'root CA',
      'clock',
    ];
    const cloudSide = [
      'video endpoint',
      'credentials endpoint',
      'mqtt endpoint',
      'credentials',
      'channel front',
      'relay front',
      'mqtt',
    ];
    assert.deepEqual(checks, new Set([...expected, ...cloudSide]));
  });

  test('cameras: busy, missing, silent address, missing file, unknown encoder, no channel', async (t) => {
    symlinkSync('/dev/null', BUSY_CAMERA);
    t.after(() => unlinkSync(BUSY_CAMERA));
    const source = (value: object, more = {}) => ({
      channelName: 'front',
      source: value,
      video: small,
      ...more,
    });
    const findings = await examine({
      config: { ffmpeg: { path: BUSY_FFMPEG } },
      cameras: JSON.parse(
        JSON.stringify({
          busy: source({ type: 'v4l2', device: BUSY_CAMERA }, { channelName: 'busy' }),
          gone: source({ type: 'v4l2', device: '/dev/video99' }, { channelName: 'gone' }),
          dark: source({ type: 'rtsp', url: 'rtsp://127.0.0.1:1/' }, { channelName: 'dark' }),
          lost: source({ type: 'file', path: '/nowhere.mp4' }, { channelName: 'lost' }),
          odd: source({ type: 'test' }, { channelName: 'odd', video: { ...small, encoder: 'h264_odd' } }),
        }),
      ),
    });
    assertFound(findings, 'camera busy', /busy/, /fuser/);
    assertFound(findings, 'camera gone', /no \/dev\/video99/, /cable/);
    assertFound(findings, 'camera dark', /refused/i, /address and port/);
    assertFound(findings, 'camera lost', /No such file/, /not there/);
    assertFound(findings, 'camera odd', /h264_odd/, /install an ffmpeg/);
    assertFound(findings, 'encoder', /h264_odd/, /install an ffmpeg/);
    assertFound(findings, 'channel busy', /404|NotFound/, /create-signaling-channel --channel-name busy/);
    assert.ok(findings.some(({ check, verdict }) => check === 'camera front' && verdict === 'pass'));
  });

  test('no ffmpeg', async () => {
    const findings = await examine({ config: { ffmpeg: { path: '/nowhere/ffmpeg' } } });
    assertFound(findings, 'ffmpeg', /cannot run ffmpeg/, /install ffmpeg/);
  });

  test('a CA that signed nothing', async () => {
    const foreign = await cloud.createForeignDevice('patient');
    const { certificatePath } = foreign;
    const findings = await examine({ device: { rootCaPath: certificatePath } });
    assertFound(findings, 'credentials endpoint', /TLS/, /rootCaPath/);
    assertFound(findings, 'mqtt endpoint', /TLS/, /rootCaPath/);
    assertFound(findings, 'credentials', /CA is not trusted/, /rootCaPath/);
    assertFound(findings, 'mqtt', /./, /certificate/);
  });

  test('an expired certificate, and one that expires soon', async () => {
    const [from, ago] = [new Date(Date.now() - 90 * DAY_MS), new Date(Date.now() - DAY_MS)];
    const expired = await cloud.createDevice('patient', { notBefore: from, notAfter: ago });
    assertFound(await examine({ device: expired }), 'certificate', /expired on/, /rotate/);
    const soon = new Date(Date.now() + 5.5 * DAY_MS);
    const expiring = await cloud.createDevice('patient', { notBefore: from, notAfter: soon });
    assertFound(await examine({ device: expiring }), 'certificate', /in 5 days/, /rotate/, 'warn');
  });

  test('a key of another certificate', async () => {
    const other = await cloud.createDevice('other');
    const findings = await examine({ device: { privateKeyPath: other.privateKeyPath } });
    assertFound(findings, 'certificate', /does not belong/, /device/);
    assertFound(findings, 'credentials', /does not belong/, /matching pair/);
  });

  test('a certificate that the cloud does not know', async () => {
    const foreign = await cloud.createForeignDevice('patient');
    const { certificatePath, privateKeyPath } = foreign;
    const findings = await examine({ device: { certificatePath, privateKeyPath } });
    assertFound(findings, 'credentials', /./, /certificate is active/);
    assertFound(findings, 'mqtt', /./, /certificate active/);
  });

  test('a clock that is ten minutes behind', async (t) => {
    cloud.limits.clockOffsetMs = 600_000;
    t.after(() => {
      cloud.limits.clockOffsetMs = 0;
    });
    assertFound(await examine(), 'clock', /(599|600|601) s behind/, /set-ntp/);
  });

  test('a role alias that does not exist', async () => {
    const findings = await examine({ config: { credentials: { roleAlias: 'nobody' } } });
    assertFound(findings, 'credentials', /nobody/, /roleAlias/);
    assert.ok(findings.some(({ check, verdict }) => check === 'channel front' && verdict === 'skip'));
  });

  test('a role that may not use the channel', async (t) => {
    const fault = { kind: 'error', status: 403, errorType: 'AccessDeniedException' } as const;
    cloud.faults.add('DescribeSignalingChannel', fault);
    t.after(() => cloud.faults.clear());
    assertFound(
      await examine(),
      'channel front',
      /403|AccessDenied/,
      /kinesisvideo:DescribeSignalingChannel/,
    );
  });

  test('endpoints that do not resolve, and that nobody listens at', async () => {
    const findings = await examine({
      config: { credentials: { endpoint: 'nowhere.invalid' }, mqtt: { endpoint: 'localhost:1' } },
    });
    assertFound(findings, 'credentials endpoint', /cannot be resolved/, /DNS/);
    assertFound(findings, 'mqtt endpoint', /no TCP connection/, /firewall/);
  });

  test('a proxy that is not there', async () => {
    const findings = await examine({ env: { HTTPS_PROXY: 'http://user:secret@127.0.0.1:1' } });
    assertFound(findings, 'proxy', /127\.0\.0\.1:1/, /HTTPS_PROXY/);
    assert.doesNotMatch(JSON.stringify(findings), /secret/);
  });

  test('no UDP to the TURN servers, then nothing at all', async (t) => {
    const { port, tlsPort } = cloud.turn;
    blockPorts(port);
    t.after(unblockPorts);
    assertFound(await examine(), 'relay front', /UDP is blocked/, /UDP port 443/, 'warn');
    unblockPorts();
    blockPorts(port, tlsPort);
    assertFound(await examine(), 'relay front', /no TURN server answers/, /UDP and TCP port 443/);
  });

  test('a full disk, and a state directory that is a file', async (t) => {
    const full = join(folder, 'full');
    mkdirSync(full);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', full]);
    t.after(() => execFileSync('umount', [full]));
    assertFound(await examineState(full), 'disk', /takes no files/, /free space/);
    assertFound(await examineState(device.certificatePath), 'disk', /takes no files/, /stateDirectory/);
  });

  async function examineState(stateDirectory: string): Promise<Finding[]> {
    const usual = folder;
    folder = stateDirectory;
    try {
      return await examine();
    } finally {
      folder = usual;
    }
  }

  test('a nucleus that is gone', async () => {
    const env = { AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: join(folder, 'ipc.socket') };
    assertFound(await examine({ env }), 'ipc', /ipc\.socket/, /nucleus/);
  });

  test('a configuration with a fault', async () => {
    const findings = await examine({ config: { metrics: { intervallSeconds: 5 } } });
    assert.equal(findings.length, 1);
    assertFound(findings, 'configuration', /intervallSeconds/, /README/);
  });

  test('a key that another user may read only', async () => {
    const shared = mkdtempSync(join(tmpdir(), 'doctor-key-'));
    try {
      chmodSync(shared, 0o755);
      const own = (name: string) => join(shared, name);
      copyFileSync(device.certificatePath, own('device.pem'));
      copyFileSync(device.privateKeyPath, own('device.key'));
      chmodSync(own('device.pem'), 0o644);
      const asNobody = process.geteuid?.() === 0;
      assert.ok(asNobody, 'this test changes its user: run it as root');
      process.seteuid?.(65_534);
      const files = { certificatePath: own('device.pem'), privateKeyPath: own('device.key') };
      const findings = await examine({ device: files });
      process.seteuid?.(0);
      assertFound(findings, 'certificate', /device\.key .* may not be read/, /device/);
    } finally {
      process.seteuid?.(0);
      rmSync(shared, { recursive: true, force: true });
    }
  });
});

/** The planted fault is found where it is, and its cure named. */
function assertFound(findings: Finding[], check: string, detail: RegExp, cure: RegExp, verdict = 'fail') {
  const finding = findings.find((each) => each.check === check && each.verdict === verdict);
  assert.ok(finding, `no ${verdict} of ${check} in ${JSON.stringify(findings, undefined, 1)}`);
  assert.match(finding.detail, detail);
  assert.match(finding.cure ?? '', cure);
}

const TABLE = `doctor_${process.pid}`;

/** Packets to these ports vanish on their way in. */
function blockPorts(...ports: number[]): void {
  const rules = ports.map((port) => `meta l4proto { tcp, udp } th dport ${port} drop\n`).join('');
  const chain = `chain in { type filter hook input priority 0;\n${rules}}`;
  execFileSync('nft', ['-f', '-'], { input: `table inet ${TABLE} { ${chain}\n}` });
}

function unblockPorts(): void {
  execFileSync('nft', ['delete', 'table', 'inet', TABLE]);
}
