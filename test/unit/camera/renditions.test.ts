import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RenditionDemand } from '../../../src/camera/rendition-demand.ts';
import { RenditionStreams } from '../../../src/camera/rendition-streams.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { cameraConfig, HIGH_AND_LOW } from './support/camera-config.ts';

test('a rendition is wanted while it is held and for some seconds more; the best one where none is', () => {
  const clock = new SimulatedClock();
  const demand = new RenditionDemand(['high', 'low'], clock);
  let changes = 0;
  demand.onChange(() => (changes += 1));
  const wanted = () => ['high', 'low'].filter((name) => demand.isWanted(name));
  assert.deepEqual(wanted(), ['high']);
  const first = demand.acquire('low');
  const second = demand.acquire('low');
  assert.deepEqual(wanted(), ['low']);
  first.release();
  first.release();
  clock.advance(60_000);
  assert.deepEqual(wanted(), ['low']);
  second.release();
  clock.advance(5_000);
  assert.deepEqual(wanted(), ['low']);
  clock.advance(10_000);
  assert.deepEqual(wanted(), ['high']);
  assert.equal(changes, 2);
  demand.acquire('none').release();
  assert.deepEqual(wanted(), ['high']);
});

function createStreams() {
  const config = cameraConfig({ type: 'test' }, { video: { renditions: HIGH_AND_LOW } });
  const held: string[] = [];
  const streams = new RenditionStreams(config, new SimulatedClock(), (name) => {
    held.push(name);
    return { release: () => void held.splice(held.indexOf(name), 1) };
  });
  const push = (name: string, keyframe: boolean) =>
    streams.push(name, {
      codec: 'h264',
      data: Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41, 1, 2, 3]),
      captureTimeMs: 0,
      keyframe,
    });
  return { config, held, streams, push };
}

test('every rendition has one stream of its own, for all who lease it', () => {
  const { held, streams, push } = createStreams();
  assert.deepEqual(
    streams.list().map(({ name, width, bitrateKbps }) => [name, width, bitrateKbps]),
    [
      ['high', 1280, 2500],
      ['low', 640, 400],
    ],
  );
  const [low, again, high] = ['low', 'low', 'high'].map((name) => streams.lease(name));
  assert.equal(low?.stream, again?.stream);
  assert.notEqual(low?.stream, high?.stream);
  push('low', true);
  assert.deepEqual([low?.stream.nextIndex, high?.stream.nextIndex], [1, 0]);
  assert.deepEqual(held, ['low', 'low', 'high']);
  low?.release();
  assert.deepEqual(held, ['low', 'high']);
  assert.throws(() => streams.lease('other'), /no rendition "other"/);
});

test('what was cached before a rendition stopped is not shown when it runs again', () => {
  const { streams, push } = createStreams();
  const [high, low] = [streams.lease('high').stream, streams.lease('low').stream];
  for (const name of ['high', 'low']) push(name, true);
  streams.running(['high', 'audio']);
  assert.deepEqual([high.gop?.start, low.gop?.start], [0, undefined]);
  push('low', false);
  streams.running(['high', 'low']);
  assert.deepEqual([high.gop?.start, low.gop?.start], [0, undefined]);
  push('low', true);
  assert.deepEqual([high.gop?.start, low.gop?.start], [0, 2]);
});

test('a change of configuration keeps the streams of the names that stay, and is told', () => {
  const { config, streams, push } = createStreams();
  const { stream } = streams.lease('high');
  push('high', true);
  let told = 0;
  streams.onChange(() => (told += 1));
  const { high, low } = HIGH_AND_LOW;
  streams.reconfigure({ ...config, video: { ...config.video, renditions: { high, lowest: low } } });
  assert.equal(told, 1);
  assert.equal(streams.lease('high').stream, stream);
  assert.equal(stream.gop, undefined);
  assert.deepEqual(
    streams.list().map(({ name }) => name),
    ['high', 'lowest'],
  );
  assert.throws(() => streams.lease('low'));
});
