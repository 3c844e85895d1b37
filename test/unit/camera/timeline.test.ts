import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../../../src/camera/timeline.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const FRAME_MS = 40;

test('wall-clock stamps are kept', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  assert.equal(timeline.captureTimeMs(0, clock.now() - 31.25), clock.now() - 31.25);
});

test('jitter of the way does not show: the fastest frame counts as captured when it came', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  const start = clock.now();
  const jitterMs = [25, 10, 0, 39, 5, 17, 30, 2, 0, 21];
  const times = jitterMs.map((jitter, index) => {
    clock.advance(start + index * FRAME_MS + jitter - clock.now());
    return timeline.captureTimeMs(0, 5000 + index * FRAME_MS) - start;
  });
  assert.deepEqual(
    times.slice(2),
    times.slice(2).map((_, index) => (index + 2) * FRAME_MS),
  );
});

test('a first burst of old frames gets rising times, none in the future', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  let last = -Infinity;
  for (let index = 0; index < 50; index += 1) {
    const time = timeline.captureTimeMs(0, index * FRAME_MS);
    assert.ok(time > last && time <= clock.now() + 50);
    last = time;
    if (index % 10 === 9) clock.advance(1);
  }
});

test('tracks share one shift: sound stays with the picture', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  timeline.captureTimeMs(0, 1000);
  clock.advance(100);
  const video = timeline.captureTimeMs(0, 1100);
  clock.advance(15);
  assert.equal(timeline.captureTimeMs(1, 1090) - video, -10);
});

test('a source that starts again, jumps or pauses is followed at once', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  timeline.captureTimeMs(0, 100_000);
  clock.advance(FRAME_MS);
  assert.equal(timeline.captureTimeMs(0, 0), clock.now(), 'from the beginning');
  clock.advance(8000);
  assert.equal(timeline.captureTimeMs(0, FRAME_MS), clock.now(), 'after a pause');
  clock.advance(FRAME_MS);
  assert.equal(timeline.captureTimeMs(0, 3_600_000), clock.now(), 'forward');
});

test('a wall clock that is set back is followed at once', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  const capture = (index: number) => {
    const time = timeline.captureTimeMs(0, index * FRAME_MS);
    clock.advance(FRAME_MS);
    return time;
  };
  capture(0);
  clock.wallMs -= 3_600_000;
  const times = [1, 2, 3].map(capture);
  assert.deepEqual(
    times.map((time) => time - (times[0] ?? 0)),
    [0, FRAME_MS, 2 * FRAME_MS],
  );
  assert.equal(times.at(-1), clock.now() - FRAME_MS);
});

test('a source whose clock is slow is followed: an hour later times are still those of arrival', () => {
  const clock = new SimulatedClock();
  const timeline = new Timeline(clock);
  let time = 0;
  for (let index = 0; index < 3600 * 25; index += 1) {
    clock.advance(FRAME_MS * 1.0002);
    time = timeline.captureTimeMs(0, index * FRAME_MS);
  }
  assert.ok(Math.abs(clock.now() - time) < 10, `${clock.now() - time} ms behind`);
});
