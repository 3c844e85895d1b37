import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyFacts, NO_FACTS, planInputs, type InputFacts } from '../../../src/camera/capture-plan.ts';
import { ffmpegArgs, type ArgsContext } from '../../../src/camera/ffmpeg-args.ts';
import type { CameraConfig } from '../../../src/config/config.ts';
import { cameraConfig, HIGH_AND_LOW } from './support/camera-config.ts';

interface Given extends Partial<Omit<ArgsContext, 'capabilities' | 'config'>> {
  version?: number;
  facts?: Partial<InputFacts>;
}

/** The command lines of all processes of a camera. */
function commandLines(config: CameraConfig, { version = 5.01, facts = {}, ...given }: Given = {}) {
  const names = new Set<string>();
  const capabilities = { versionText: 'x', version, encoders: names, drawText: true };
  return planInputs(config).map((plan) => {
    const input = applyFacts(plan, { ...NO_FACTS, ...facts });
    const source = ffmpegArgs(input, {
      config,
      capabilities,
      encoder: 'libx264',
      isWanted: () => true,
      ...given,
    });
    return {
      name: plan.name,
      tracks: input.tracks.map((track) => track.name),
      ...source,
      line: source.args.join(' '),
    };
  });
}

function assertHas(line: string | undefined, ...parts: string[]): void {
  for (const part of parts) assert.ok(` ${line} `.includes(` ${part} `), `"${part}" is not in: ${line}`);
}

test('every track has a NUT pipe of its own, written through at once', () => {
  const [main, ...others] = commandLines(
    cameraConfig({ type: 'test' }, { video: { renditions: HIGH_AND_LOW } }),
  );
  assert.equal(others.length, 0);
  assert.deepEqual(main?.tracks, ['high', 'low', 'audio']);
  for (const pipe of [3, 4, 5]) assertHas(main?.line, `-f nut -write_index 0 -flush_packets 1 pipe:${pipe}`);
  assertHas(main?.line, '-copyts', '-tune zerolatency', '-bf 0', '-enc_time_base 1:90000');
});

test('of a ladder only what is wanted is encoded, and ffmpeg can be told to encode the rest', () => {
  const config = cameraConfig({ type: 'test' }, { video: { renditions: HIGH_AND_LOW } });
  const [main] = commandLines(config, { isWanted: (name) => name === 'low' });
  assert.deepEqual([...(main?.gates.keys() ?? [])], ['high', 'low']);
  for (const [name, closed] of Object.entries({ high: 1, low: 0 }))
    assert.ok(main?.line.includes(`]${main.gates.get(name)}=mode=select:key=none:enable=${closed},`), name);
  assert.ok(!main?.line.includes('-nostdin'));
  const [single] = commandLines(cameraConfig({ type: 'test' }));
  assert.equal(single?.gates.size, 0);
  assertHas(single?.line, '-nostdin');
});

test('what is encoded beside a stream that is passed through has a process of its own', () => {
  const { high, low } = HIGH_AND_LOW;
  const renditions = { high, low, lowest: { ...low, bitrateKbps: 100 } };
  const source = { type: 'rtsp' as const, url: 'rtsp://192.0.2.7/main' };
  const names = (subUrl?: string, encoder = 'auto') =>
    commandLines(
      cameraConfig({ ...source, ...(subUrl && { subUrl }) }, { video: { renditions, encoder } }),
    ).map(({ name, tracks }) => [name, ...tracks]);
  assert.deepEqual(names(), [
    ['main', 'high', 'audio'],
    ['ladder', 'low', 'lowest'],
  ]);
  assert.deepEqual(names('rtsp://192.0.2.7/sub'), [
    ['main', 'high', 'audio'],
    ['sub', 'low'],
    ['ladder', 'lowest'],
  ]);
  assert.deepEqual(names(undefined, 'libx264'), [['main', 'high', 'low', 'lowest', 'audio']]);
});

test('v4l2 with a microphone: two processes, so that one cannot stop the other', () => {
  const config = cameraConfig({ type: 'v4l2', device: '/dev/video2', audioDevice: 'hw:1,0' });
  const v4l2Format = { name: 'mjpeg', width: 1280, height: 720, anySize: false };
  const [main, microphone] = commandLines(config, { v4l2Format, facts: { mustTranscode: true } });
  assert.deepEqual([main?.tracks, microphone?.tracks], [['high'], ['audio']]);
  assertHas(main?.line, '-f v4l2 -timestamps abs', '-input_format mjpeg -video_size 1280x720 -framerate 30');
  assertHas(main?.line, '-i /dev/video2', '-c:v libx264');
  assertHas(microphone?.line, '-f alsa -channels 1 -sample_rate 48000 -i plughw:1,0', '-c:a libopus');
});

test("v4l2 H.264 of the camera's own is passed through", () => {
  const v4l2Format = { name: 'h264', width: 1280, height: 720, anySize: false };
  const [main] = commandLines(cameraConfig({ type: 'v4l2', device: '/dev/video0' }), { v4l2Format });
  assertHas(main?.line, '-input_format h264', '-map 0:v:0 -c:v copy');
});

test('an RTSP login is in no argument, but in a playlist on standard input', () => {
  const config = cameraConfig({ type: 'rtsp', url: 'rtsp://192.0.2.7/live', credentialsRef: 'front' });
  const credentials = { user: 'admin', password: "it's p@ss/word" };
  const [main] = commandLines(config, { credentials });
  assert.ok(
    !main?.line.includes('p@ss') && !main?.line.includes('p%40ss') && !main?.line.includes('-nostdin'),
  );
  assertHas(main?.line, '-f concat -safe 0', '-i pipe:0', '-c:v copy');
  const lines = main?.stdinText?.split('\n') ?? [];
  assert.equal(lines[1], "file 'rtsp://admin:it%27s%20p%40ss%2Fword@192.0.2.7/live'");
  assert.ok(lines.includes('option rtsp_transport tcp') && lines.includes('option timeout 5000000'));
  assert.ok(main?.secrets.includes("it's p@ss/word"));
});

test('RTSP without a login, over UDP, with an older ffmpeg', () => {
  const config = cameraConfig({ type: 'rtsp', url: 'rtsp://192.0.2.7/live', transport: 'udp' });
  assertHas(
    commandLines(config)[0]?.line,
    '-rtsp_transport udp',
    '-timeout 5000000',
    '-i rtsp://192.0.2.7/live',
  );
  assertHas(commandLines(config, { version: 4.03 })[0]?.line, '-stimeout 5000000');
});

test('a sub stream is the second rendition, both passed through', () => {
  const source = { type: 'rtsp' as const, url: 'rtsp://cam/main', subUrl: 'rtsp://cam/sub' };
  const [main, sub] = commandLines(cameraConfig(source, { video: { renditions: HIGH_AND_LOW } }));
  assert.deepEqual([main?.tracks, sub?.tracks], [['high', 'audio'], ['low']]);
  assertHas(main?.line, '-i rtsp://cam/main', '-c:v copy');
  assertHas(sub?.line, '-i rtsp://cam/sub', '-c:v copy');
});

test('what cannot be passed through is encoded; what has no sound gets no audio output', () => {
  const config = cameraConfig({ type: 'file', path: '/media/clip.mp4' });
  assertHas(
    commandLines(config)[0]?.line,
    '-stream_loop -1 -re -i file:/media/clip.mp4',
    '-c:v copy',
    '-map 0:a:0',
  );
  const [main] = commandLines(config, { facts: { mustTranscode: true, noAudio: true } });
  assertHas(main?.line, '-c:v libx264');
  assert.deepEqual(main?.tracks, ['high']);
});

test('only the best rendition is passed through; a named encoder passes nothing through', () => {
  const source = { type: 'file' as const, path: '/a' };
  const [two] = commandLines(cameraConfig(source, { video: { renditions: HIGH_AND_LOW } }));
  assertHas(two?.line, '-map 0:v:0 -c:v copy', '-c:v libx264', '-b:v 400k');
  const encoder = cameraConfig(source, { video: { encoder: 'libx264' } });
  assert.ok(!commandLines(encoder)[0]?.line.includes('copy '));
});

test('commands: raw streams are stamped on arrival, containers bring their sound', () => {
  // As the documentation of rpicam-apps gives it for a stream on standard output.
  const rpicam =
    'rpicam-vid -t 0 -n --inline --codec h264 --width 1280 --height 720 --framerate 30 -o -'.split(' ');
  const [raw] = commandLines(cameraConfig({ type: 'command', command: rpicam, format: 'h264' }));
  assertHas(
    raw?.line,
    '-f h264 -probesize 32 -framerate 30 -use_wallclock_as_timestamps 1 -i pipe:0',
    '-c:v copy',
  );
  assert.deepEqual([raw?.producer, raw?.tracks], [rpicam, ['high']]);
  const [ts] = commandLines(cameraConfig({ type: 'command', command: ['x'], format: 'mpegts' }));
  assertHas(ts?.line, '-f mpegts -analyzeduration 500000 -i pipe:0');
  assert.deepEqual(ts?.tracks, ['high', 'audio']);
  const [mjpeg] = commandLines(cameraConfig({ type: 'command', command: ['x'], format: 'mjpeg' }));
  assertHas(mjpeg?.line, '-c:v libx264');
});

test('audio codecs', () => {
  const line = (codec: 'opus' | 'pcmu' | 'pcma', bitrateKbps: number, fec = false) =>
    commandLines(cameraConfig({ type: 'test' }, { audio: { enabled: true, codec, bitrateKbps, fec } }))[0]
      ?.line;
  assertHas(
    line('opus', 32, true),
    '-fec 1 -packet_loss 10 -ac 1 -b:a 32k',
    '-ar 48000',
    '-frame_duration 20',
  );
  assertHas(line('opus', 32), '-ar 48000 -ac 1 -b:a 32k');
  assertHas(line('opus', 96), '-ac 2 -b:a 96k');
  assertHas(line('pcmu', 64), '-c:a pcm_mulaw -ar 8000 -ac 1');
  assertHas(line('pcma', 64), '-c:a pcm_alaw -ar 8000 -ac 1');
  const off = cameraConfig(
    { type: 'test' },
    { audio: { enabled: false, codec: 'opus', bitrateKbps: 32, fec: false } },
  );
  assert.deepEqual(commandLines(off)[0]?.tracks, ['high']);
});

test('encoders of the hardware are told what they need', () => {
  const config = cameraConfig({ type: 'test' });
  const [vaapi] = commandLines(config, { encoder: 'h264_vaapi' });
  assertHas(vaapi?.line, '-vaapi_device /dev/dri/renderD128', '-c:v h264_vaapi', '-async_depth 1');
  assert.ok(vaapi?.line.includes('format=nv12,hwupload['));
  assertHas(commandLines(config, { encoder: 'h264_v4l2m2m' })[0]?.line, '-c:v h264_v4l2m2m -bf 0 -b:v 2500k');
});

test('orientation, crop and overlay change the picture, so it is not passed through', () => {
  const source = { type: 'rtsp' as const, url: 'rtsp://cam/main' };
  const changes = {
    orientation: 90 as const,
    crop: { x: 10, y: 20, width: 300, height: 200 },
    overlay: { text: 'Door' },
  };
  const [main] = commandLines(cameraConfig(source, changes));
  assert.ok(
    main?.line.includes('[0:v:0]crop=300:200:10:20,transpose=clock,drawtext=expansion=none:text=Door:'),
  );
  assertHas(main?.line, '-c:v libx264');
});

test('a URL that is no camera is refused', () => {
  for (const url of [
    'http://cam/x',
    'rtsp://',
    'file:///etc/passwd',
    "rtsp://cam/x'\nfile '/etc/passwd",
    'rtsp://a b/',
  ]) {
    assert.throws(() => commandLines(cameraConfig({ type: 'rtsp', url })), /must look like rtsp:/, url);
  }
  assertHas(
    commandLines(cameraConfig({ type: 'rtsp', url: 'rtsp://[fe80::1]:554/a' }))[0]?.line,
    '-i rtsp://[fe80::1]:554/a',
  );
});

test('a device name that is more than a device is refused', () => {
  for (const audioDevice of ['file:/etc/passwd', 'file:"|sh"', 'tee:hw,"|sh",raw', 'hw:0;x', 'plug:file:x']) {
    const config = cameraConfig({ type: 'v4l2', device: '/dev/video0', audioDevice });
    assert.throws(() => commandLines(config), /must be an ALSA card/, audioDevice);
  }
  for (const device of ['/etc/passwd', '/dev/../etc/passwd', 'http://a/b', '/dev/v4l/by-id/../../x']) {
    assert.throws(() => commandLines(cameraConfig({ type: 'v4l2', device })), /must look like/, device);
  }
  const byId = cameraConfig({
    type: 'v4l2',
    device: '/dev/v4l/by-id/usb-046d_C920-video-index0',
    audioDevice: 'hw:CARD=C920,DEV=0',
  });
  assertHas(commandLines(byId)[1]?.line, '-i plughw:CARD=C920,DEV=0');
});
