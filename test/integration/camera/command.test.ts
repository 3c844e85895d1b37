import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CameraRig } from './support/camera-rig.ts';
import { countPictures } from './support/decode.ts';
import { childPids } from './support/processes.ts';

const PICTURE = 'videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1';
const H264 = 'x264enc tune=zerolatency key-int-max=25 bitrate=300 ! video/x-h264,profile=baseline';
const SOUND = 'audiotestsrc is-live=true ! opusenc';
const TEST_PICTURE = 'ffmpeg -loglevel error -re -f lavfi -i testsrc2=size=320x180:rate=25 -pix_fmt yuv420p';

interface Case {
  name: string;
  format: 'h264' | 'h265' | 'mjpeg' | 'mpegts' | 'nut';
  command: string;
  passThrough: boolean;
  audio: 'on' | 'silence';
}

const CASES: Case[] = [
  {
    name: 'a GStreamer pipeline with picture and sound as MPEG-TS',
    format: 'mpegts',
    command: `gst-launch-1.0 -q ${PICTURE} ! ${H264} ! mpegtsmux name=mux ! fdsink ${SOUND} ! mux.`,
    passThrough: true,
    audio: 'on',
  },
  {
    name: 'a GStreamer pipeline that prints H.264',
    format: 'h264',
    command: `gst-launch-1.0 -q ${PICTURE} ! ${H264},stream-format=byte-stream ! fdsink`,
    passThrough: true,
    audio: 'silence',
  },
  {
    name: 'a program that prints MJPEG',
    format: 'mjpeg',
    command: `${TEST_PICTURE} -c:v mjpeg -pix_fmt yuvj420p -flush_packets 1 -f mjpeg -`,
    passThrough: false,
    audio: 'silence',
  },
  {
    name: 'a program that prints NUT',
    format: 'nut',
    command: `${TEST_PICTURE} -c:v libx264 -tune zerolatency -g 25 -flush_packets 1 -f nut -`,
    passThrough: true,
    audio: 'silence',
  },
];

for (const { name, format, command, passThrough, audio } of CASES) {
  test(`${name} is a camera`, async (context) => {
    const rig = new CameraRig({ type: 'command', command: command.split(' '), format });
    rig.camera.acquire();
    await rig.until('three seconds', () => rig.of('high').length >= 45 && rig.of('audio').length >= 75);
    const status = rig.camera.status();
    assert.equal(status.state, 'streaming');
    assert.equal(status.audio, audio);
    assert.equal(status.tracks['high']?.passThrough, passThrough);
    assert.equal(status.restarts, 0);
    await rig.stop();
    assert.deepEqual([...childPids('ffmpeg'), ...childPids('gst-launch-1.0')], []);
    const pictures = rig.of('high');
    assert.equal(await countPictures(pictures), pictures.length);
    const late = pictures.slice(10).map(({ unit, arrivedAt }) => arrivedAt - unit.captureTimeMs);
    context.diagnostic(`${Math.round(Math.max(...late))} ms from stamp to access unit at most`);
  });
}

test('a command that ends is reported with its own last words, and started again', async () => {
  const script = 'echo "sensor not found, token hunter2" >&2; exit 3';
  const rig = new CameraRig({ type: 'command', command: ['sh', '-c', script], format: 'h264' });
  rig.camera.acquire();
  await rig.until('two failures', () => rig.camera.status().restarts >= 2);
  assert.match(rig.camera.status().reason ?? '', /command ended with code 3: sensor not found/);
});

test('a command that ends without a word is reported too', async () => {
  const rig = new CameraRig({ type: 'command', command: ['true'], format: 'h264' });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /^command ended with code 0(?!: *$)/);
});

test('a command that does not exist is named', async () => {
  const rig = new CameraRig({ type: 'command', command: ['no-such-camera'], format: 'h264' });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /command could not be started .*no-such-camera/);
});

test("a wrapper script's children end with it", async () => {
  const script = `${TEST_PICTURE} -c:v libx264 -tune zerolatency -f h264 - & wait`;
  const rig = new CameraRig({ type: 'command', command: ['sh', '-c', script], format: 'h264' });
  rig.camera.acquire();
  await rig.more('high', 3);
  await rig.stop();
  assert.deepEqual(childPids('sh'), []);
});
