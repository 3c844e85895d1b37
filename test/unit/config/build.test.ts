import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConfig } from '../../../src/config/build.ts';
import { ConfigError } from '../../../src/config/faults.ts';
import { isObject } from '../../../src/config/layers.ts';
import { FatalStartupError } from '../../../src/errors.ts';
import { build, faultAt, faultsOf } from './support/built.ts';

test('a camera needs no more than a source; everything else has a default', () => {
  const config = build({ device: { thingName: 'door-7' }, cameras: { front: { source: { type: 'test' } } } });
  assert.deepEqual(config.cameras.front, {
    channelName: 'door-7-front',
    enabled: true,
    source: { type: 'test' },
    video: {
      codec: 'h264',
      encoder: 'auto',
      keyframeIntervalSeconds: 2,
      renditions: { high: { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 } },
    },
    audio: { enabled: true, codec: 'opus', bitrateKbps: 32, fec: false },
    orientation: 0,
    probeIntervalSeconds: 0,
    prewarm: false,
    idleGraceSeconds: 10,
    viewers: { max: 10, maxSessionMinutes: 0 },
    dataChannel: { enabled: true, open: [], echo: false },
    control: { allowed: ['view', 'snapshot'], operators: [] },
    talk: { enabled: false, mode: 'one', device: 'default', file: '', command: [] },
    twcc: { enabled: true },
    ice: { transportPolicy: 'all', addressFamily: 'any', interfaces: [] },
    srtp: { preferGcm: false },
    storage: { enabled: false, maxBitrateKbps: 1000, serveViewers: false, renewAfterMinutes: 52 },
  });
});

test('every kind of source is read, a ref is resolved, absent keys stay absent', () => {
  const command = { type: 'command', command: ['rpicam-vid', '-t', '0', '-o', '-'], format: 'h264' };
  const stream = {
    type: 'rtsp',
    url: 'rtsps://[fe80::1]:8554/a?b=1',
    subUrl: 'rtsp://cam_1.local/sub',
    credentialsRef: 'login',
    transport: 'udp',
  };
  const device = {
    type: 'v4l2',
    device: '/dev/v4l/by-id/usb-046d_C920-video-index0',
    audioDevice: 'plughw:1,0',
  };
  const { cameras } = build({
    secrets: { login: { env: 'LOGIN', hosts: ['fe80::1', 'cam_1.local'] } },
    sources: { door: command },
    cameras: {
      a: { channelName: 'a', source: { ref: 'door' } },
      b: { channelName: 'b', source: stream },
      c: { channelName: 'c', source: device },
      d: { channelName: 'd', source: { type: 'v4l2', device: '/dev/front-door' } },
      e: { channelName: 'e', source: { type: 'file', path: 'clips/demo.mp4' } },
    },
  });
  const sources = Object.values(cameras).map(({ source }) => source);
  assert.deepEqual(sources, [
    command,
    stream,
    device,
    { type: 'v4l2', device: '/dev/front-door' },
    { type: 'file', path: 'clips/demo.mp4' },
  ]);
});

test('numbers and flags may come as strings, as from nucleus lite', () => {
  const camera = {
    channelName: 'c',
    source: { type: 'test' },
    enabled: 'False',
    viewers: { max: '3' },
    video: { keyframeIntervalSeconds: '0.5', renditions: { high: { fps: ' 15 ' } } },
  };
  const front = build({ cameras: { front: camera } }).cameras.front;
  assert.equal(front?.enabled, false);
  assert.equal(front?.viewers.max, 3);
  assert.equal(front?.video.keyframeIntervalSeconds, 0.5);
  assert.equal(front?.video.renditions.high?.fps, 15);
});

test('renditions are ordered by quality whatever the order of the document', () => {
  const renditions = { low: { bitrateKbps: 250 }, high: {}, mid: { bitrateKbps: 700 } };
  const camera = { channelName: 'c', source: { type: 'test' }, video: { renditions } };
  const front = build({ cameras: { front: camera } }).cameras.front;
  assert.deepEqual(Object.keys(front?.video.renditions ?? {}), ['high', 'mid', 'low']);
});

test('no layers say what is missing', () => {
  assert.deepEqual(
    faultsOf(() => buildConfig([])),
    [{ key: 'aws.region', value: '', expected: 'an AWS region, e.g. us-west-2', layer: 'defaults' }],
  );
});

test('all faults are listed, each with key, value, expectation and layer', () => {
  const file = {
    aws: { regin: 'us-west-2' },
    metrics: { intervalSeconds: 0 },
    cameras: { front: { channelName: 'a b', source: { type: 'test' } }, back: { channelName: 'x' } },
  };
  const shadow = { cameras: { front: { viewers: { max: 50 } } } };
  const attempt = () =>
    buildConfig([
      { name: 'file a.json', values: file },
      { name: 'shadow', values: shadow },
    ]);
  assert.throws(attempt, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.ok(error instanceof FatalStartupError);
    for (const { key, expected } of error.faults)
      assert.ok(error.message.includes(key) && error.message.includes(expected));
    return true;
  });
  const found = faultsOf(attempt).map(({ key, value, layer }) => `${key} ${value} ${layer}`);
  assert.deepEqual(found.toSorted(), [
    'aws.regin "us-west-2" file a.json',
    'aws.region  file a.json',
    'cameras.back.source  file a.json',
    'cameras.front.channelName "a b" file a.json',
    'cameras.front.viewers.max 50 shadow',
    'metrics.intervalSeconds 0 file a.json',
  ]);
});

test('two cameras on one channel are refused', () => {
  const camera = { channelName: 'same', source: { type: 'test' } };
  assert.match(
    faultAt('cameras.back.channelName', { cameras: { front: camera, back: camera } }).expected,
    /front/,
  );
});

test('a recorded camera takes H.264 and Opus, nothing else', () => {
  const camera = { channelName: 'c', source: { type: 'test' }, storage: { enabled: true } };
  const front = build({ cameras: { front: camera } }).cameras.front;
  assert.equal(front?.storage.maxBitrateKbps, 1000);
  const other = { ...camera, video: { codec: 'vp8' }, audio: { codec: 'pcmu' } };
  const found = faultsOf(() => build({ cameras: { front: other } })).map(({ key }) => key);
  assert.deepEqual(found, ['cameras.front.video.codec', 'cameras.front.audio.codec']);
});

test('keys that reach into prototypes are refused wherever they stand', () => {
  for (const text of [
    '{"__proto__": {}}',
    '{"cameras": {"constructor": {}}}',
    '{"log": {"__proto__": {"level": "x"}}}',
  ]) {
    const values: unknown = JSON.parse(text);
    assert.ok(isObject(values));
    assert.match(faultsOf(() => build(values))[0]?.expected ?? '', /reserved/);
  }
});

test('faults never repeat a secret', () => {
  const faults = faultsOf(() =>
    build({
      secrets: { a: 'hunter2', b: { password: 'hunter2' }, c: { env: 'hunter2 ' } },
      sources: {
        a: { type: 'rtsp', url: 'rtsp://admin:hunter2@cam/' },
        b: { type: 'rtsp', url: 'http://cam/?user=admin&password=hunter2' },
        c: {
          type: 'command',
          command: { args: ['rtsp://admin:hunter2@cam/'], password: 'hunter2' },
          format: 'nut',
        },
        d: { type: 'rtsp', url: 'rtsp://cam/', password: 'hunter2' },
      },
      device: { privateKeyPassword: 'hunter2' },
    }),
  );
  assert.ok(faults.length >= 8);
  assert.doesNotMatch(JSON.stringify(faults), /hunter2/);
});

test('a long value is cut', () => {
  const { value } = faultAt('log.level', { log: { level: 'x'.repeat(10_000) } });
  assert.ok(value.length <= 80);
});
