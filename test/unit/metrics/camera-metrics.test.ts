import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Log } from '../../../src/log.ts';
import { CameraMetrics } from '../../../src/metrics/camera-metrics.ts';
import { Durations } from '../../../src/metrics/durations.ts';
import type { SessionEvent } from '../../../src/metrics/events.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { stats, Viewer } from './support/viewer.ts';

let clock: SimulatedClock;
let events: SessionEvent[];
let lines: object[];
let metrics: CameraMetrics;
let logDurations: boolean;
let capturedPictures: number;

const keep = (details: object) => void lines.push(details);
const log: Log = { debug: keep, info: keep, warn: keep, error: keep, child: () => log };

beforeEach(() => {
  clock = new SimulatedClock(Date.UTC(2025, 0, 1));
  events = [];
  lines = [];
  logDurations = false;
  capturedPictures = 0;
  metrics = new CameraMetrics({
    camera: 'front',
    channelName: 'shop-front',
    condition: () => ({
      camera: { state: 'streaming', restarts: 1, stalls: 1 },
      capturedFrames: 250,
      capturedPictures,
      wantedFps: 25,
      signaling: { connected: true, connects: 2, renewals: 1 },
      offers: 4,
      refused: 1,
      malformed: 0,
      control: { requests: 9, malformed: 2, refused: 1, dropped: 0 },
    }),
    durations: new Durations(systemRandom, clock),
    onEvent: (event) => events.push(event),
    logDurations: () => logDurations,
    clock,
    random: systemRandom,
    log,
  });
});

function sample(name: string): number | undefined {
  return metrics.group().samples.find((each) => each.name === name)?.value;
}

function values(name: string): number[] {
  return (
    metrics
      .group()
      .distributions.find((each) => each.name === name)
      ?.take() ?? []
  );
}

describe('a viewer', () => {
  test('is told of when it joins and, with a summary, when it leaves', () => {
    const viewer = new Viewer('anna');
    const left = metrics.viewerJoined(viewer);
    viewer.timeline = { hostGathered: 2, answered: 5, iceConnected: 25, dtlsConnected: 45, firstFrame: 50 };
    viewer.tracks = [stats({ packets: 100, payloadBytes: 90_000, frames: 30 })];
    viewer.route = 'relay';
    clock.advance(12_340);
    left('closed-by-viewer');

    const who = {
      camera: 'front',
      channelName: 'shop-front',
      clientId: 'anna',
      joinedAt: '2025-01-01T00:00:00.000Z',
    };
    assert.equal(events.length, 2);
    assert.deepEqual(events[0], { event: 'viewer-joined', ...who });
    const { sent, ...summary } = Object(events[1]);
    assert.deepEqual(summary, {
      event: 'viewer-left',
      ...who,
      leftAt: '2025-01-01T00:00:12.340Z',
      seconds: 12.3,
      end: 'closed-by-viewer',
      route: 'relay',
      durationsMs: {
        gatherHostCandidates: 2,
        findCandidatePair: 20,
        dtlsHandshake: 20,
        sendFirstFrame: 50,
        offerToAnswer: 5,
        answerToConnected: 40,
      },
    });
    assert.equal(sent.payloadBytes, 90_000);
    assert.equal(sample('sessionsEndedClosedByViewer'), 1);
    assert.deepEqual(values('dtlsHandshake'), [20]);
  });

  test('leaves once', () => {
    const left = metrics.viewerJoined(new Viewer('anna'));
    left('stopped');
    left('stopped');
    assert.equal(events.length, 2);
  });

  test('has its durations in the log where that is asked for', () => {
    metrics.viewerJoined(new Viewer('anna'))('stopped');
    assert.deepEqual(lines, []);
    logDurations = true;
    const viewer = new Viewer('berta');
    viewer.timeline = { answered: 7 };
    metrics.durations.record('connectAsMaster', 80);
    metrics.durations.record('getIceServers', 25.04);
    metrics.viewerJoined(viewer)('stopped');
    const channelMs = { getIceServers: 25, connectAsMaster: 80 };
    assert.deepEqual(lines, [{ clientId: 'berta', durationsMs: { offerToAnswer: 7 }, channelMs }]);
  });
});

describe('what viewers are sent', () => {
  test('is summed up over tracks, viewers that left, and sessions that began their counts anew', () => {
    const [anna, berta] = [new Viewer('anna'), new Viewer('berta')];
    const annaLeft = metrics.viewerJoined(anna);
    metrics.viewerJoined(berta);
    anna.tracks = [stats({ packets: 10 }), stats({ packets: 5 })];
    berta.tracks = [stats({ packets: 100 })];
    assert.equal(sample('sentPackets'), 115);
    anna.tracks = [stats({ packets: 12 }), stats({ packets: 5 })];
    annaLeft('consent-expired');
    assert.equal(sample('sentPackets'), 117);
    // Renegotiated: new senders.
    berta.tracks = [stats({ packets: 30 })];
    assert.equal(sample('sentPackets'), 147);
    assert.equal(sample('viewers'), 1);
  });

  test('is measured for each viewer between two publications', () => {
    const viewer = new Viewer('anna');
    metrics.viewerJoined(viewer);
    metrics.measureLinks();
    viewer.estimateKbps = 3100;
    viewer.reach = 'thinned';
    viewer.tracks = [
      stats({ payloadBytes: 250_000, roundTripMs: 30, reportedPackets: 150, lostPackets: 3, jitterMs: 2 }),
      stats({ payloadBytes: 0, roundTripMs: 40, reportedPackets: 50 }),
    ];
    clock.advance(1000);
    metrics.measureLinks();
    assert.deepEqual(values('viewerBitrate'), [2000]);
    assert.deepEqual(values('roundTripTime'), [40]);
    assert.deepEqual(values('packetLoss'), [1.5]);
    assert.deepEqual(values('jitter'), [2]);
    assert.deepEqual(values('estimatedBandwidth'), [3100]);
    assert.equal(sample('viewersReduced'), 1);
    // No report has come since.
    metrics.measureLinks();
    assert.deepEqual(values('packetLoss'), []);
    viewer.tracks = [stats({ reportedPackets: 250, lostPackets: 13 }), stats({ reportedPackets: 50 })];
    metrics.measureLinks();
    assert.deepEqual(values('packetLoss'), [10]);
    assert.equal(sample('lostPackets'), 13);
  });
});

describe('the camera', () => {
  test('has its cold start timed, once for each start', () => {
    for (const state of ['off', 'starting', 'starting', 'streaming', 'streaming', 'off']) {
      metrics.cameraState(state);
      clock.advance(100);
    }
    assert.deepEqual(values('cameraColdStart'), [200]);
  });

  test('that gives fewer pictures than asked for is slow', () => {
    metrics.measureLinks();
    capturedPictures = 200;
    clock.advance(10_000);
    metrics.measureLinks();
    assert.deepEqual(values('captureSpeed'), [80]);
    assert.equal(sample('captureStalls'), 1);
  });

  test('that failed to start has no cold start', () => {
    for (const state of ['starting', 'failed', 'streaming']) metrics.cameraState(state);
    assert.deepEqual(values('cameraColdStart'), []);
  });
});

test('a million sessions and measurements take no more memory than a few', () => {
  const viewer = new Viewer('anna');
  viewer.timeline = { answered: 5, iceConnected: 25, dtlsConnected: 45, firstFrame: 50 };
  const count = () => {
    for (let n = 0; n < 100_000; n++) {
      const left = metrics.viewerJoined(viewer);
      metrics.measureLinks();
      left('closed-by-viewer');
      events.length = 0;
    }
  };
  count();
  const before = keptValues();
  count();
  assert.equal(keptValues(), before);
  assert.equal(sample('sessionsEndedClosedByViewer'), 200_000);
  assert.equal(sample('viewers'), 0);
});

/** Everything that a group holds, values of distributions and samples. */
function keptValues(): number {
  const { samples, distributions } = metrics.group();
  return samples.length + distributions.reduce((sum, each) => sum + each.take().length, 0);
}
