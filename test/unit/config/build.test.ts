import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConfig } from '../../../src/config/build.ts';
import { ConfigError, type Fault } from '../../../src/config/faults.ts';
import { isObject, type Json, type JsonObject } from '../../../src/config/layers.ts';
import { FatalStartupError } from '../../../src/errors.ts';

const AWS = { aws: { region: 'us-west-2' } };

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
    audio: { enabled: true, codec: 'opus', bitrateKbps: 32 },
    orientation: 0,
    probeIntervalSeconds: 0,
    prewarm: false,
    idleGraceSeconds: 10,
    viewers: { max: 10 },
    dataChannel: { enabled: true },
    twcc: { enabled: true },
    storage: { enabled: false },
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

/** What is wrong, the key that must be named, and what the message must say. */
const REFUSED: [name: string, values: JsonObject, key: string, says: RegExp][] = [
  [
    'a misspelt key',
    { metrics: { intervallSeconds: 5 } },
    'metrics.intervallSeconds',
    /did you mean "intervalSeconds"/,
  ],
  ['a misspelt section', { camera: {} }, 'camera', /did you mean "cameras"/],
  ['an unknown key', { log: { colour: 'red' } }, 'log.colour', /one of the keys level/],
  ['a group that is none', { device: 5 }, 'device', /an object with thingName/],
  ['a value that is a group', { log: { level: { a: { b: 1 } } } }, 'log.level', /one of debug/],
  [
    'a number with a tail',
    { metrics: { intervalSeconds: '12abc' } },
    'metrics.intervalSeconds',
    /whole number/,
  ],
  ['a fraction', { metrics: { intervalSeconds: 1.5 } }, 'metrics.intervalSeconds', /whole number/],
  ['a flag that is none', { metrics: { logDurations: 'banana' } }, 'metrics.logDurations', /true or false/],
  ['a list for a text', { ffmpeg: { path: ['a'] } }, 'ffmpeg.path', /a path/],
  ['a path like an option', { ffmpeg: { path: '-y' } }, 'ffmpeg.path', /does not begin with "-"/],
  ['an endpoint with scheme', { mqtt: { endpoint: 'https://a.iot' } }, 'mqtt.endpoint', /without scheme/],
  ['an endpoint URL with password', { aws: { endpoint: 'https://a:b@c' } }, 'aws.endpoint', /https/],
  ['cameras in a list', { cameras: [] }, 'cameras', /an object/],
  ['a camera that is none', { cameras: { front: true } }, 'cameras.front', /an object/],
  ['a camera that begins with a digit', { cameras: { '1': {} } }, 'cameras.1', /beginning with a letter/],
  ['a camera with a path for a name', { cameras: { '../a': {} } }, 'cameras."../a"', /a name/],
  ['a secret with both', { secrets: { s: { env: 'A', file: 'b' } } }, 'secrets.s', /either env or file/],
  ['a secret with neither', { secrets: { s: {} } }, 'secrets.s', /either env or file/],
  ['a source as ref', { sources: { a: { ref: 'b' } } }, 'sources.a.type', /one of test/],
  ['a misspelt source type', { sources: { a: { type: 'rstp' } } }, 'sources.a.type', /did you mean "rtsp"/],
  [
    'a command in one text',
    { sources: { a: { type: 'command', command: 'ls', format: 'nut' } } },
    'sources.a.command',
    /a list/,
  ],
  [
    'an empty command',
    { sources: { a: { type: 'command', command: [], format: 'nut' } } },
    'sources.a.command',
    /a list/,
  ],
];

for (const [name, values, key, says] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.match(faultAt(key, values).expected, says);
  });
}

/** The same inside a camera. */
const REFUSED_IN_CAMERA: [name: string, values: JsonObject, key: string, says: RegExp][] = [
  ['a dangling ref', { source: { ref: 'dor' } }, 'source.ref', /did you mean "door"/],
  ["a ref to Object's own", { source: { ref: 'toString' } }, 'source.ref', /an entry of sources/],
  [
    'a ref with more',
    { source: { ref: 'door', device: '/dev/video0' } },
    'source.device',
    /nothing beside ref/,
  ],
  ['a dangling credentialsRef', rtsp('rtsp://a/', 'logn'), 'source.credentialsRef', /did you mean "login"/],
  ['a secret for another host', rtsp('rtsp://evil/', 'login'), 'source.url', /may be sent to/],
  ['a key of another type', { source: { type: 'test', url: 'rtsp://a/' } }, 'source.url', /keys|known/],
  ['a URL with password', rtsp('rtsp://u:p@a/'), 'source.url', /without user and password/],
  ['a URL with user', rtsp('rtsp://u@a/'), 'source.url', /without user and password/],
  ['another scheme', rtsp('http://a/'), 'source.url', /rtsp/],
  ['a file as URL', rtsp('file:///etc/passwd'), 'source.url', /rtsp/],
  ['an option as URL', rtsp('-f lavfi'), 'source.url', /rtsp/],
  ['a URL with a quote', rtsp("rtsp://a/'b"), 'source.url', /rtsp/],
  ['a URL with a line break', rtsp('rtsp://a/\nfile x'), 'source.url', /rtsp/],
  ['a device like an option', v4l2('-i'), 'source.device', /below \/dev/],
  ['a device elsewhere', v4l2('/etc/passwd'), 'source.device', /below \/dev/],
  ['a device that climbs', v4l2('/dev/../etc/passwd'), 'source.device', /below \/dev/],
  ['a device with a space', v4l2('/dev/video0 -y'), 'source.device', /below \/dev/],
  ['no device', { source: { type: 'v4l2' } }, 'source.device', /below \/dev/],
  ['an encoder like an option', { video: { encoder: '-y' } }, 'video.encoder', /encoder/],
  [
    'an odd width',
    { video: { renditions: { high: { width: 641 } } } },
    'video.renditions.high.width',
    /an even/,
  ],
  [
    'a rendition called audio',
    { video: { renditions: { audio: {} } } },
    'video.renditions.audio',
    /reserved/,
  ],
  ['renditions in a list', { video: { renditions: [] } }, 'video.renditions', /an object/],
  ['a video that is none', { video: 1 }, 'video', /an object with codec/],
  ['eleven viewers', { viewers: { max: 11 } }, 'viewers.max', /from 1 to 10/],
  ['no thing name for the channel', { channelName: '' }, 'channelName', /device\.thingName/],
];

for (const [name, camera, key, says] of REFUSED_IN_CAMERA) {
  test(`refused in a camera: ${name}`, () => {
    const values = {
      secrets: { login: { env: 'LOGIN', hosts: ['a'] } },
      sources: { door: { type: 'test' } },
      cameras: { front: { channelName: 'c', source: { type: 'test' }, ...camera } },
    };
    assert.match(faultAt(`cameras.front.${key}`, values).expected, says);
  });
}

test('two cameras on one channel are refused', () => {
  const camera = { channelName: 'same', source: { type: 'test' } };
  assert.match(
    faultAt('cameras.back.channelName', { cameras: { front: camera, back: camera } }).expected,
    /front/,
  );
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

function build(values: JsonObject) {
  return buildConfig([
    { name: 'aws', values: AWS },
    { name: 'file', values },
  ]);
}

function faultsOf(work: () => unknown): readonly Fault[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return assert.fail('nothing was refused');
}

/** The one fault of `values`, which must be at `key`. */
function faultAt(key: string, values: JsonObject): Fault {
  const faults = faultsOf(() => build(values));
  assert.deepEqual(
    faults.map((fault) => fault.key),
    [key],
  );
  const [fault] = faults;
  assert.ok(fault);
  return fault;
}

function rtsp(url: Json, credentialsRef?: string): JsonObject {
  return { source: { type: 'rtsp', url, ...(credentialsRef === undefined ? {} : { credentialsRef }) } };
}

function v4l2(device: Json): JsonObject {
  return { source: { type: 'v4l2', device } };
}
