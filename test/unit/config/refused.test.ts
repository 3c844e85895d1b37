import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../../src/config/layers.ts';
import { faultAt } from './support/built.ts';

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
  [
    'a secret with both',
    { secrets: { s: { env: 'A', file: 'b' } } },
    'secrets.s',
    /one of env, file, greengrass/,
  ],
  ['a secret with neither', { secrets: { s: {} } }, 'secrets.s', /one of env, file, greengrass/],
  [
    'an action with both',
    { actions: { a: { topic: 't', command: ['c'] } } },
    'actions.a',
    /either topic or command/,
  ],
  ['an action with neither', { actions: { a: {} } }, 'actions.a', /either topic or command/],
  ['an action on a wildcard', { actions: { a: { topic: 'a/#' } } }, 'actions.a.topic', /wildcards/],
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

function rtsp(url: Json, credentialsRef?: string): JsonObject {
  return { source: { type: 'rtsp', url, ...(credentialsRef === undefined ? {} : { credentialsRef }) } };
}

function v4l2(device: Json): JsonObject {
  return { source: { type: 'v4l2', device } };
}
