import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { MediaStream, type Frame } from '../../../src/rtp/media-stream.ts';
import type { MemoryBlock } from '../../../src/rtp/payload-memory.ts';
import { FRAME_MS, TestCamera } from './sender-setup.ts';

test('a frame is packetised once and handed to every sink', () => {
  const camera = new TestCamera();
  const seen: Frame[][] = [[], []];
  const sinks = seen.map((frames) => ({ onFrame: (frame: Frame) => void frames.push(frame) }));
  for (const sink of sinks) camera.stream.attach(sink);
  camera.gop(2);
  camera.stream.detach(sinks[1]!);
  camera.capture();
  assert.deepEqual(
    seen.map((frames) => frames.map(({ index }) => index)),
    [
      [0, 1, 2, 3],
      [0, 1, 2],
    ],
  );
  assert.equal(seen[0]![1], seen[1]![1]);
});

test('frames are kept for the history time, the current GOP for as long as it lasts', () => {
  const camera = new TestCamera({ historyMs: 400 });
  camera.gop(100);
  assert.ok(camera.stream.frame(0), 'part of the current GOP');
  assert.equal(camera.stream.gop!.start, 0);
  camera.capture(true);
  assert.equal(camera.stream.frame(80), undefined);
  const kept = Array.from({ length: 102 }, (_, i) => i).filter((i) => camera.stream.frame(i));
  assert.equal(kept.length, 400 / FRAME_MS);
  assert.equal(kept.at(-1), 101);
});

test('memory is bounded whatever comes', () => {
  const camera = new TestCamera({ historyMs: 1e9, historyBytes: 50_000 });
  for (let i = 0; i < 300; i++) {
    camera.capture(i % 7 === 0, 100 + ((i * 7919) % 30_000));
    assert.ok(camera.stream.bytes <= 50_000);
  }
  camera.capture(true, 60_000);
  assert.equal(camera.stream.bytes, 0);
  assert.equal(camera.stream.gop, undefined);
});

function sumOf({ payloads: { block, starts, lengths } }: Frame): number {
  return starts.reduce((sum, start, i) => sum + crc32(block.data.subarray(start, start + lengths[i]!)), 0);
}

test('every kept frame is whole, in memory that is used again', () => {
  const camera = new TestCamera({ historyMs: 400, historyBytes: 1_000_000 });
  const blocks = new Set<MemoryBlock>();
  const sums: number[] = [];
  for (let i = 0; i < 2000; i++) {
    camera.capture(i % 10 === 0, i % 97 === 0 ? 200_000 : 100 + ((i * 7919) % 30_000));
    const newest = camera.stream.frame(i)!;
    blocks.add(newest.payloads.block);
    sums.push(sumOf(newest));
    if (i % 20 > 0) continue;
    for (let kept = i; camera.stream.frame(kept); kept--)
      assert.equal(sumOf(camera.stream.frame(kept)!), sums[kept]);
  }
  assert.ok(blocks.size <= 12, `${blocks.size} blocks of 128 kB for a megabyte`);
});

test('a unit with nothing to send is refused, and its GOP is not replayed any more', () => {
  const camera = new TestCamera();
  camera.gop(2);
  const captureTimeMs = camera.clock.now();
  assert.equal(
    camera.stream.push({ codec: 'h264', data: Buffer.from('noise'), captureTimeMs, keyframe: false }),
    false,
  );
  assert.equal(camera.stream.gop, undefined);
  assert.equal(
    camera.stream.push({ codec: 'h264', data: Buffer.alloc(9_000_000), captureTimeMs, keyframe: true }),
    false,
  );
  assert.equal(camera.stream.invalidUnits, 2);
  camera.capture(true);
  assert.ok(camera.stream.gop);
});

test('the next key frame is due after the last interval; a late one is not awaited for ever', () => {
  const camera = new TestCamera();
  assert.equal(camera.stream.keyframeDueInMs, Infinity);
  camera.gop(24);
  assert.equal(camera.stream.keyframeDueInMs, Infinity);
  camera.gop(9);
  assert.equal(camera.stream.keyframeDueInMs, 600);
  for (let i = 0; i < 17; i++) camera.capture();
  assert.equal(camera.stream.keyframeDueInMs, 0);
  for (let i = 0; i < 10; i++) camera.capture();
  assert.equal(camera.stream.keyframeDueInMs, Infinity);
});

test('audio has no GOP', () => {
  const { clock } = new TestCamera();
  const stream = new MediaStream({ codec: 'opus', clock });
  stream.push({ codec: 'opus', data: Buffer.from([1]), captureTimeMs: clock.now(), keyframe: true });
  assert.equal(stream.gop, undefined);
  assert.ok(stream.frame(0));
});
