import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durations } from '../../../src/metrics/durations.ts';
import { Profiling, type ProfilingChannel } from '../../../src/metrics/profiling.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { Viewer } from './support/viewer.ts';

const START_MS = Date.UTC(2025, 0, 1);

test("AWS's test page gets its answers and then the times of every step, on the viewer's own channel", () => {
  const clock = new SimulatedClock(START_MS);
  const device = new Durations(systemRandom, clock);
  const durations = new Durations(systemRandom, clock, device);
  const profiling = new Profiling(durations, clock);
  clock.advance(100);
  device.record('getCredentials', 80);
  clock.advance(100);
  durations.record('describeChannel', 40);
  clock.advance(100);
  durations.record('connectAsMaster', 60);

  const viewer = new Viewer('anna');
  profiling.joined(viewer);
  viewer.timeline = { hostGathered: 2, answered: 5, relayFound: 90, iceConnected: 20, dtlsConnected: 45 };
  const sent: Record<string, unknown>[] = [];
  const send = (text: string) => sent.push(JSON.parse(text)) > 0;
  const channel: ProfilingChannel = { onMessage: () => {}, send };
  profiling.serve(channel, viewer);
  clock.advance(1000);
  channel.onMessage(JSON.stringify({ firstMessageFromViewerTs: '1' }));
  assert.equal(sent.shift()?.firstMessageFromMasterTs, String(START_MS + 1300));
  channel.onMessage('hello');
  assert.deepEqual(sent, []);
  const complete = { firstMessageFromViewerTs: '1', lastMessageFromViewerTs: '9' };
  channel.onMessage(Buffer.from(JSON.stringify(complete)));
  const all: Record<string, unknown> = Object.assign({}, ...sent);
  const since = (name: string) => Number(all[name]) - START_MS;
  assert.deepEqual(
    ['signaling', 'describeChannel', 'getToken', 'connect', 'peerConnection', 'candidateGathering'].map(
      (name) => [name, since(`${name}StartTime`), since(`${name}EndTime`)],
    ),
    [
      ['signaling', 160, 300],
      ['describeChannel', 160, 200],
      ['getToken', 20, 100],
      ['connect', 240, 300],
      ['peerConnection', 300, 345],
      ['candidateGathering', 300, 390],
    ],
  );
  assert.deepEqual([since('offerReceiptTime'), since('sendAnswerTime')], [300, 305]);
  assert.equal(all.getIceServerConfigStartTime, 0);
});
