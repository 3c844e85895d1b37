import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AudioTrack } from '../../../src/camera/audio-track.ts';
import type { AccessUnit } from '../../../src/rtp/access-unit.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function createTrack(codec: 'opus' | 'pcmu' | 'pcma' = 'opus') {
  const clock = new SimulatedClock();
  const sent: AccessUnit[] = [];
  const picture = { shown: true };
  const states: string[] = [];
  const track: AudioTrack = new AudioTrack({
    codec,
    clock,
    silenceWanted: () => picture.shown,
    emit: (unit) => sent.push(unit),
    onChange: () => states.push(track.state),
  });
  const speak = (captureTimeMs = clock.now() - 10) =>
    track.push({ codec, data: Buffer.from([1]), captureTimeMs, keyframe: true });
  return { clock, sent, picture, states, track, speak };
}

function assertSteadyFrames(units: AccessUnit[]): void {
  for (const [index, unit] of units.entries()) {
    if (index > 0) assert.equal(unit.captureTimeMs - (units[index - 1]?.captureTimeMs ?? 0), 20);
  }
}

test('a source that never gives sound: silence in steady 20 ms frames, and it says so', () => {
  const { clock, sent, states, track } = createTrack();
  track.start();
  clock.advance(490);
  assert.equal(sent.length, 0, 'a source may need a moment');
  clock.advance(2010);
  assert.deepEqual(states, ['silence']);
  assert.ok(sent.length >= 99 && sent.length <= 101, String(sent.length));
  assertSteadyFrames(sent);
  assert.ok(clock.now() - (sent.at(-1)?.captureTimeMs ?? 0) <= 20);
});

test('sound that stops and comes back: silence between, times only rise', () => {
  const { clock, sent, states, track, speak } = createTrack();
  track.start();
  for (let index = 0; index < 50; index += 1) {
    clock.advance(20);
    speak();
  }
  clock.advance(3000);
  for (let index = 0; index < 50; index += 1) {
    clock.advance(20);
    speak();
  }
  assert.deepEqual(states, ['on', 'silence', 'on']);
  assert.ok(sent.length > 200);
  for (const [index, unit] of sent.entries()) {
    if (index > 0) assert.ok(unit.captureTimeMs > (sent[index - 1]?.captureTimeMs ?? 0));
  }
});

test('sound goes on when the wall clock is set back', () => {
  const { clock, sent, states, track, speak } = createTrack();
  track.start();
  for (let index = 0; index < 100; index += 1) {
    clock.advance(20);
    if (index === 50) clock.wallMs -= 3_600_000;
    speak();
  }
  assert.deepEqual(states, ['on']);
  assert.equal(sent.length, 100);
});

test('a late timer makes up what it missed', () => {
  const { clock, sent, track } = createTrack();
  track.start();
  clock.advance(1000);
  const before = sent.length;
  // The wall clock ran on while no timer fired.
  clock.wallMs += 200;
  clock.advance(20);
  assert.equal(sent.length - before, 11);
  assertSteadyFrames(sent);
});

test('no silence without a picture, and nothing after the stop', () => {
  const { clock, sent, picture, track, speak } = createTrack();
  picture.shown = false;
  track.start();
  clock.advance(5000);
  assert.equal(sent.length, 0);
  assert.equal(track.state, 'off');
  picture.shown = true;
  clock.advance(1000);
  assert.equal(track.state, 'silence');
  track.stop();
  const before = sent.length;
  clock.advance(1000);
  speak();
  assert.equal(sent.length, before);
  assert.equal(track.state, 'off');
});

test('silence in G.711 is 160 samples of zero', () => {
  for (const [codec, zero] of [
    ['pcmu', 0xff],
    ['pcma', 0xd5],
  ] as const) {
    const { clock, sent, track } = createTrack(codec);
    track.start();
    clock.advance(700);
    assert.deepEqual(sent[0]?.data, Buffer.alloc(160, zero));
    assert.equal(sent[0]?.codec, codec);
  }
});

test('a camera that fails has no sound either', () => {
  const { clock, picture, track, speak } = createTrack();
  track.start();
  clock.advance(20);
  speak();
  assert.equal(track.state, 'on');
  picture.shown = false;
  clock.advance(1000);
  assert.equal(track.state, 'off');
});
