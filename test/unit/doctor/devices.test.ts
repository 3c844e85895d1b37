import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { cameraCure } from '../../../src/doctor/camera-cure.ts';
import { listDevices, type CameraFormat } from '../../../src/doctor/devices.ts';
import type { Finding } from '../../../src/doctor/finding.ts';

const AS_NOBODY = join(import.meta.dirname, 'support/devices-as-nobody.ts');

/** What the kernel shows on a machine with a webcam that has a microphone, and a sound card. */
const KERNEL = {
  'proc/self/status':
    'Name:\tnode\nUid:\t998\t998\t998\t998\nGid:\t997\t997\t997\t997\nGroups:\t29 44 997 \n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nggc_user:x:998:997::/home/ggc_user:/bin/sh\n',
  'etc/group': 'root:x:0:\naudio:x:29:ggc_user\nvideo:x:44:ggc_user\nggc_group:x:997:\n',
  'sys/class/video4linux/video0/name': 'HD Pro Webcam C920\n',
  'sys/class/video4linux/video1/name': 'HD Pro Webcam C920\n',
  'sys/class/video4linux/video10/name': 'UVC Camera (046d:0825)\n',
  'dev/video0': '',
  'dev/video1': '',
  'dev/video10': '',
  'proc/asound/cards': [
    ' 0 [PCH            ]: HDA-Intel - HDA Intel PCH',
    '                      HDA Intel PCH at 0xf7110000 irq 33',
    ' 2 [C920           ]: USB-Audio - HD Pro Webcam C920',
    '                      HD Pro Webcam C920 at usb-0000:00:14.0-1, high speed',
    '',
  ].join('\n'),
  'proc/asound/pcm': [
    '00-00: ALC892 Analog : ALC892 Analog : playback 1 : capture 1',
    '00-03: HDMI 0 : HDMI 0 : playback 1',
    '02-00: USB Audio : USB Audio : capture 1',
    '',
  ].join('\n'),
  'proc/asound/card2/stream0': [
    'HD Pro Webcam C920 at usb-0000:00:14.0-1, high speed : USB Audio',
    '',
    'Playback:',
    '  Interface 2',
    '    Altset 1',
    '    Format: S24_3LE',
    '    Channels: 6',
    '    Rates: 96000',
    '',
    'Capture:',
    '  Status: Stop',
    '  Interface 3',
    '    Altset 1',
    '    Format: S16_LE',
    '    Channels: 2',
    '    Endpoint: 0x82 (2 IN) (ASYNC)',
    '    Rates: 16000',
    '  Interface 3',
    '    Altset 2',
    '    Format: S16_LE',
    '    Channels: 1',
    '    Endpoint: 0x82 (2 IN) (ASYNC)',
    '    Rates: 24000, 48000',
    '',
  ].join('\n'),
  'dev/snd/pcmC0D0c': '',
  'dev/snd/pcmC2D0c': '',
};
const SIZES = [
  [160, 90],
  [1920, 1080],
  [640, 360],
  [1280, 720],
  [320, 180],
];

describe('cameras and microphones of a device', () => {
  const roots: string[] = [];
  after(() => roots.forEach((root) => rmSync(root, { recursive: true })));

  function machine(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'doctor-devices-'));
    roots.push(root);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  test('each with its formats, and who looks', async () => {
    const findings = await listDevices({ formatsOf, root: machine(KERNEL) });
    assert.ok(findings.every(({ verdict }) => verdict === 'pass'));
    const formats = 'yuyv422 640x480, mjpeg 1920x1080 1280x720 640x360 320x180 and 1 smaller';
    assert.deepEqual(
      findings.map(({ check, detail }) => `${check}: ${detail}`),
      [
        'user: ggc_user, in the groups ggc_group, audio, video',
        `cameras: /dev/video0 HD Pro Webcam C920: ${formats}`,
        `cameras: /dev/video10 UVC Camera (046d:0825): ${formats}`,
        'microphones: plughw:CARD=PCH,DEV=0 ALC892 Analog',
        'microphones: plughw:CARD=C920,DEV=0 USB Audio: S16_LE 2 channels 16000 Hz, S16_LE 1 channel 24000, 48000 Hz',
      ],
    );
  });

  test('one that this user may not use is a warning that names the group, one that is gone too', async () => {
    const root = machine(KERNEL);
    chmodSync(root, 0o755);
    for (const device of ['dev/video0', 'dev/snd/pcmC0D0c']) chmodSync(join(root, device), 0);
    for (const device of ['dev/video1', 'dev/video10']) chmodSync(join(root, device), 0o666);
    rmSync(join(root, 'dev/snd/pcmC2D0c'));
    const findings: Finding[] = JSON.parse(
      execFileSync(process.execPath, [AS_NOBODY, root], { encoding: 'utf8' }),
    );
    const warnings = findings.filter(({ verdict }) => verdict !== 'pass');
    assert.deepEqual(
      warnings.map(({ check, verdict }) => `${check} ${verdict}`),
      ['cameras warn', 'microphones warn', 'microphones warn'],
    );
    const [camera, sound, gone] = warnings;
    for (const denied of [camera, sound]) {
      assert.match(denied?.detail ?? '', /may not be used by this user, its group is \S+/);
      assert.match(denied?.cure ?? '', /usermod -aG/);
    }
    assert.match(gone?.detail ?? '', /there is no .*pcmC2D0c/);
  });

  test('a user without further groups has one', async () => {
    const status = `${KERNEL['proc/self/status'].replace(/Groups:.*/, 'Groups:\t ')}NStgid:\t32481\n`;
    const [user] = await listDevices({ formatsOf, root: machine({ ...KERNEL, 'proc/self/status': status }) });
    assert.equal(user?.detail, 'ggc_user, in the groups ggc_group');
  });

  test('a program that cannot be started is no matter of cables', () => {
    assert.match(cameraCure('command could not be started (spawn rpicam-vid ENOENT)'), /source\.command/);
    assert.match(cameraCure('/dev/video0: No such file or directory'), /cable/);
  });

  test('without any it says so', async () => {
    const findings = await listDevices({ formatsOf, root: machine({ 'etc/group': '' }) });
    assert.deepEqual(
      findings.slice(1).map(({ check, verdict }) => `${check} ${verdict}`),
      ['cameras skip', 'microphones skip'],
    );
  });
});

function formatsOf(device: string): Promise<CameraFormat[]> {
  if (device.endsWith('/video1')) return Promise.resolve([]);
  const mjpeg = SIZES.map(([width = 0, height = 0]) => ({ name: 'mjpeg', width, height }));
  return Promise.resolve([{ name: 'yuyv422', width: 640, height: 480 }, ...mjpeg]);
}
