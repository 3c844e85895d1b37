import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { ConfigChanges } from '../../unit/camera/support/camera-config.ts';
import { CameraRig, temporaryFolder } from './support/camera-rig.ts';
import { countPictures, decodeVideo, ffmpeg } from './support/decode.ts';

const VIDEO = '-f lavfi -i testsrc2=size=320x180:rate=25';
/** A picture lasts 40, and the sound may be a little longer than the picture. */
const SEAM_MS = 120;
const SOUND = '-f lavfi -i sine=frequency=440:sample_rate=44100';

interface Expected {
  codec: string;
  passThrough: boolean;
  audio: 'on' | 'silence';
  reordered?: boolean;
}

interface Case {
  name: string;
  file: string;
  encoding: string;
  changes?: ConfigChanges;
  expected: Expected;
}

const CASES: Case[] = [
  {
    name: 'H.264 in MP4 is passed through as Annex B',
    file: 'plain.mp4',
    encoding: `${VIDEO} ${SOUND} -c:v libx264 -bf 0 -g 25 -c:a aac`,
    expected: { codec: 'h264', passThrough: true, audio: 'on' },
  },
  {
    name: 'H.264 in MPEG-TS is passed through',
    file: 'plain.ts',
    encoding: `${VIDEO} ${SOUND} -c:v libx264 -bf 0 -g 25 -c:a aac`,
    expected: { codec: 'h264', passThrough: true, audio: 'on' },
  },
  {
    name: 'B-frames are encoded away',
    file: 'reordered.mkv',
    encoding: `${VIDEO} ${SOUND} -c:v libx264 -bf 3 -g 25 -c:a libopus`,
    expected: { codec: 'h264', passThrough: false, audio: 'on' },
  },
  {
    name: 'B-frames are passed through and reported where that is set',
    file: 'reordered.mkv',
    encoding: `${VIDEO} ${SOUND} -c:v libx264 -bf 3 -g 25 -c:a libopus`,
    changes: { video: { encoder: 'copy' } },
    expected: { codec: 'h264', passThrough: true, audio: 'on', reordered: true },
  },
  {
    name: 'a profile that viewers do not play is encoded; no sound is silence',
    file: 'professional.mp4',
    encoding: `${VIDEO} -c:v libx264 -bf 0 -pix_fmt yuv422p`,
    expected: { codec: 'h264', passThrough: false, audio: 'silence' },
  },
  {
    name: 'another codec is encoded',
    file: 'old.avi',
    encoding: `${VIDEO} ${SOUND} -c:v mpeg4 -c:a mp2`,
    expected: { codec: 'h264', passThrough: false, audio: 'on' },
  },
  {
    name: 'H.265 is passed through where it is wanted',
    file: 'new.mp4',
    encoding: `${VIDEO} -c:v libx265 -x265-params log-level=error:bframes=0:keyint=25`,
    changes: { video: { codec: 'h265' } },
    expected: { codec: 'h265', passThrough: true, audio: 'silence' },
  },
];

const folder = await temporaryFolder();
before(async () => {
  for (const { file, encoding } of new Map(CASES.map((entry) => [entry.file, entry])).values()) {
    await ffmpeg(...encoding.split(' '), '-t', '2', join(folder, file));
  }
});

for (const { name, file, changes = {}, expected } of CASES) {
  test(`${name}, in an endless loop`, async () => {
    const rig = new CameraRig({ type: 'file', path: join(folder, file) }, changes);
    const hold = rig.camera.acquire();
    // Longer than the file.
    await rig.until(
      'sixty pictures and some sound',
      () => rig.of('high').length >= 60 && rig.of('audio').length > 20,
    );
    const status = rig.camera.status();
    hold.release();
    assert.equal(status.state, 'streaming');
    assert.equal(status.restarts, 0, 'finding out is no failure');
    assert.equal(status.audio, expected.audio);
    const { codec, passThrough, reordered } = status.tracks['high'] ?? {};
    assert.deepEqual(
      { codec, passThrough, reordered },
      { codec: expected.codec, passThrough: expected.passThrough, reordered: expected.reordered ?? false },
    );
    const pictures = rig.of('high');
    assert.ok(pictures[0]?.unit.keyframe, 'begins with a key frame');
    assert.equal(pictures[0]?.unit.data.readUInt32BE(0), 1, 'Annex B');
    if (expected.reordered) return;
    const times = pictures.map(({ unit }) => unit.captureTimeMs);
    const steps = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
    // From the end to the beginning, too.
    for (const stepMs of steps) assert.ok(stepMs > 0 && stepMs < SEAM_MS, `${stepMs} ms between pictures`);
    assert.equal(await countPictures(pictures), pictures.length);
  });
}

test('a file that is missing is reported with its name', async () => {
  const rig = new CameraRig({ type: 'file', path: join(folder, 'missing.mp4') });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /missing\.mp4: No such file/);
});

test('orientation, crop and overlay are in the picture; any text is only text', async () => {
  const text = String.raw`50% 'off': [a],b;c\d %{pts} movie=/etc/passwd`;
  const changes: ConfigChanges = {
    orientation: 90,
    crop: { x: 0, y: 0, width: 160, height: 120 },
    overlay: { text, clock: true },
  };
  const rig = new CameraRig({ type: 'file', path: join(folder, 'plain.mp4') }, changes);
  const hold = rig.camera.acquire();
  await rig.more('high', 5);
  const { width, height } = rig.camera.status().tracks['high'] ?? {};
  hold.release();
  assert.deepEqual([width, height], [120, 160]);
  const { complaints } = await decodeVideo(rig.of('high'), 'null');
  assert.equal(complaints, '');
});
