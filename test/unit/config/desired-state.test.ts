import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { AgentConfig } from '../../../src/config/config.ts';
import { applyDesired } from '../../../src/config/desired-state.ts';
import { describeSchema } from '../../../src/config/document.ts';
import type { Fault } from '../../../src/config/faults.ts';
import type { Json, JsonObject, Layer } from '../../../src/config/layers.ts';

const LOCAL: Layer[] = [
  {
    name: 'file',
    values: {
      aws: { region: 'us-west-2' },
      device: { thingName: 'door' },
      secrets: { login: { env: 'LOGIN' } },
      actions: { light: { command: ['light'] } },
      sources: { door: { type: 'command', command: ['door-camera'], format: 'h264' } },
      cameras: { front: { source: { type: 'v4l2', device: '/dev/front-door' }, viewers: { max: 3 } } },
    },
  },
];

test('an empty desired document leaves the local configuration', () => {
  const { cameras } = accepted({});
  assert.deepEqual(cameras.front?.source, { type: 'v4l2', device: '/dev/front-door' });
  assert.equal(cameras.front?.viewers.max, 3);
});

test('desired is above the local layers, and what it clears returns to them', () => {
  const desired = {
    log: { level: 'debug' },
    cameras: { front: { viewers: { max: 5 } }, back: testCamera() },
  };
  const config = accepted(desired);
  assert.equal(config.log.level, 'debug');
  assert.equal(config.cameras.front?.viewers.max, 5);
  assert.equal(config.cameras.back?.channelName, 'door-back');
  assert.equal(accepted({ cameras: { front: {} } }).cameras.front?.viewers.max, 3);
});

test('the shadow may name these sources', () => {
  const sources: JsonObject[] = [
    { type: 'test' },
    { ref: 'door' },
    { type: 'v4l2', device: '/dev/video0' },
    {
      type: 'v4l2',
      device: '/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0',
      audioDevice: 'hw:CARD=C920,DEV=0',
    },
    {
      type: 'rtsp',
      url: 'rtsp://10.0.0.7:554/Streaming/Channels/101?transportmode=unicast',
      credentialsRef: 'login',
    },
  ];
  for (const source of sources) accepted({ cameras: { front: { source } } });
});

test('every key with scope local is refused, whatever its value', () => {
  const keys = describeSchema().filter(({ key, scope }) => scope === 'local' && !key.includes('.source.'));
  assert.ok(keys.length > 15);
  for (const { key } of keys) {
    for (const value of ['x', null, { a: 1 }]) {
      const desired = nested(key.replace('<name>', 'x').split('.'), value);
      const [section = ''] = key.split('.');
      const faults = refused(desired);
      assert.ok(
        faults.some((fault) => fault.key.startsWith(section) && fault.expected.includes('only the device')),
        `${key} = ${JSON.stringify(value)}`,
      );
    }
  }
});

test('whole local sections cannot be removed either', () => {
  for (const section of [
    'device',
    'credentials',
    'mqtt',
    'shadow',
    'stateDirectory',
    'ffmpeg',
    'secrets',
    'actions',
    'sources',
    'aws',
  ]) {
    for (const value of [null, [], 'x', { a: 1 }]) refused({ [section]: value });
  }
});

/** What an attacker who may write the shadow could try to reach a shell, a file or another device. */
const ATTACKS: [name: string, source: Json][] = [
  ['a command', { type: 'command', command: ['sh', '-c', 'reboot'], format: 'h264' }],
  ['a file', { type: 'file', path: '/etc/shadow' }],
  ["the local source's command", { ref: 'door', command: ['sh'] }],
  ['a command beside a camera', { type: 'test', command: ['sh'] }],
  ['an unknown ref', { ref: '../door' }],
  ['a ref into the prototype', { ref: '__proto__' }],
  ['a type into the prototype', { type: 'constructor' }],
  ['a watchdog as camera', { type: 'v4l2', device: '/dev/watchdog' }],
  ['a serial line as camera', { type: 'v4l2', device: '/dev/ttyUSB0' }],
  ['a disk as camera', { type: 'v4l2', device: '/dev/sda' }],
  ['a file as camera', { type: 'v4l2', device: '/etc/passwd' }],
  ['a climbing device', { type: 'v4l2', device: '/dev/v4l/by-id/../../sda' }],
  ['a device with an option', { type: 'v4l2', device: '/dev/video0 -f lavfi' }],
  ['a device as a list', { type: 'v4l2', device: ['/dev/video0', '-y'] }],
  ['an ALSA plug-in that starts a program', { ...v4l2(), audioDevice: "file:'|sh -c reboot',raw" }],
  ['an ALSA plug-in that writes', { ...v4l2(), audioDevice: 'file:FILE=/etc/passwd,FORMAT=raw' }],
  ['another ALSA plug-in', { ...v4l2(), audioDevice: 'tee:hw,/tmp/a' }],
  ['a microphone like an option', { ...v4l2(), audioDevice: '-y' }],
  ['a file as stream', rtsp('file:///etc/passwd')],
  ['a concat as stream', rtsp('concat:/etc/passwd')],
  ['a subfile as stream', rtsp('subfile,,start,0,end,0,,:/etc/passwd')],
  ['a pipe as stream', rtsp('pipe:0')],
  ['an http stream', rtsp('http://169.254.169.254/latest/meta-data/')],
  ['an option as stream', rtsp('-rtsp_flags')],
  ['a stream with a line break', rtsp('rtsp://a/\nfile /etc/passwd')],
  ['a stream with a tab', rtsp('rtsp://a/\tb')],
  ['a stream with a quote', rtsp("rtsp://a/'")],
  ['a stream with a NUL', rtsp('rtsp://a/\0')],
  ['a stream with user and password', rtsp('rtsp://admin:x@a/')],
  ['a stream with a hidden user', rtsp('rtsp://a/@b')],
  ['a stream with a password parameter', rtsp('rtsp://a/?user=admin&password=x')],
  ['a substream with a password', { type: 'rtsp', url: 'rtsp://a/', subUrl: 'rtsp://u:p@a/' }],
  ['an unknown secret', { type: 'rtsp', url: 'rtsp://a/', credentialsRef: 'toString' }],
  ['a secret in place', { type: 'rtsp', url: 'rtsp://a/', credentialsRef: { file: '/etc/passwd' } }],
  ["a command in the local source's place", { command: ['sh'] }],
  ["a file in the local source's place", { path: '/etc/shadow' }],
  ["another device in the local source's place", { device: '/dev/watchdog' }],
  ["a microphone beside the local source's camera", { audioDevice: 'file:x' }],
  ['a device with a line break', { type: 'v4l2', device: '/dev/video0\n' }],
  ['a folder as camera', { type: 'v4l2', device: '/dev/v4l/by-id/..' }],
  ['a stream with a space', rtsp('rtsp://a/ -y')],
  ['a stream of an address with a zone', rtsp('rtsp://[fe80::1%25eth0]/')],
  ['a stream in capitals', rtsp('RTSP://a/')],
  ['a stream in wide letters', rtsp('rtsp://\uff41/')],
  ['a stream as an object', { type: 'rtsp', url: { href: 'rtsp://a/' } }],
  ['a login of the prototype', { type: 'rtsp', url: 'rtsp://a/', credentialsRef: '__proto__' }],
  ['nothing', {}],
  ['a text', 'test'],
  ['a list', [{ type: 'test' }]],
];

for (const [name, source] of ATTACKS) {
  test(`refused from the shadow as a source: ${name}`, () => {
    const faults = refused({ cameras: { front: { source } } });
    assert.ok(faults.every(({ key }) => key.startsWith('cameras.front.source')));
  });
}

test('an ffmpeg option in any text of a camera is refused', () => {
  for (const camera of [
    { video: { encoder: 'libx264 -y /etc/passwd' } },
    { video: { encoder: '-y' } },
    { video: { codec: '-y' } },
    { channelName: '../x' },
    { video: { renditions: { '-y': {} } } },
    { video: { renditions: { high: { width: '1280 -y' } } } },
  ]) {
    refused({ cameras: { front: camera } });
  }
});

test('a document is refused whole, with all of its faults and their layer', () => {
  const desired = {
    log: { level: 'loud' },
    device: { thingName: 'x' },
    metrics: { intervalSeconds: 5 },
    cameras: { back: { ...testCamera(), viewers: { max: 0 } } },
  };
  const faults = refused(desired);
  assert.deepEqual(faults.map(({ key, layer }) => `${key} ${layer}`).toSorted(), [
    'cameras.back.viewers.max shadow',
    'device.thingName shadow',
    'log.level shadow',
  ]);
});

test('what is too large, too deep, hostile or no document is refused', () => {
  refused({ cameras: { front: { channelName: 'x'.repeat(9000) } } });
  refused(JSON.parse('{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000)));
  refused(JSON.parse(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`));
  refused(JSON.parse('{"__proto__": {"log": {"level": "debug"}}}'));
  refused(JSON.parse('{"cameras": {"__proto__": {"source": {"type": "test"}}}}'));
  refused({
    cameras: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`c${index}`, testCamera()])),
  });
  for (const desired of [undefined, null, [], 'x', 5, true]) refused(desired);
});

test('no document makes it throw, and none changes a local key', () => {
  const names = describeSchema().flatMap(({ key }) => key.split('.'));
  const key = fc.oneof(
    fc.constantFrom(...names, 'front', 'back', 'high', '__proto__', 'constructor'),
    fc.string({ maxLength: 8 }),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.constantFrom(
        null,
        true,
        0,
        3,
        30,
        '',
        'test',
        'v4l2',
        'rtsp',
        'file',
        'command',
        'door',
        'login',
        '/dev/video0',
        'rtsp://a/',
        '-y',
      ),
      fc.string({ maxLength: 10 }),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }));
  const before = accepted({});
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 4 }), (desired) => {
      const outcome = applyDesired(LOCAL, desired);
      if (!outcome.accepted) return assert.ok(outcome.faults.length > 0);
      for (const section of [
        'aws',
        'device',
        'credentials',
        'mqtt',
        'shadow',
        'ffmpeg',
        'stateDirectory',
        'secrets',
        'actions',
        'sources',
      ] as const) {
        assert.deepEqual(outcome.config[section], before[section]);
      }
      for (const { source } of Object.values(outcome.config.cameras)) {
        if (source.type === 'command') assert.deepEqual(source.command, ['door-camera']);
        assert.notEqual(source.type, 'file');
      }
    }),
    { numRuns: 3000 },
  );
  assert.equal('level' in {}, false);
});

function accepted(desired: JsonObject): AgentConfig {
  const outcome = applyDesired(LOCAL, desired);
  assert.ok(outcome.accepted, JSON.stringify(outcome));
  return outcome.config;
}

function refused(desired: unknown): Fault[] {
  const outcome = applyDesired(LOCAL, desired);
  assert.ok(!outcome.accepted, 'it was accepted');
  assert.ok(outcome.faults.length > 0);
  return outcome.faults;
}

function nested(path: readonly string[], value: Json): JsonObject {
  const [key = '', ...deeper] = path;
  return { [key]: deeper.length === 0 ? value : nested(deeper, value) };
}

function testCamera(): JsonObject {
  return { source: { type: 'test' } };
}

function v4l2(): JsonObject {
  return { type: 'v4l2', device: '/dev/video0' };
}

function rtsp(url: string): JsonObject {
  return { type: 'rtsp', url };
}
