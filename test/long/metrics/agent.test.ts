import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { AgentProcess } from '../../cloud/agent-process.ts';
import { freePort } from '../../cloud/child-program.ts';
import { CloudBackend } from '../../cloud/console/cloud-backend.ts';
import { startConsole, type Console } from '../../cloud/console/server.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { launchBrowser, openViewerPage, type Figures, type ViewerPage } from '../../e2e/support/browser.ts';
import { checkedEmf } from '../../unit/metrics/support/emf-schema.ts';
import { closeCloud, Inbox } from '../../integration/iot/support/device.ts';

const THING = 'metered';
const CHANNEL = 'metered-front';
/** Each answer of the cloud that the agent times is this late. */
const DELAY_MS = 1000;
/** Two clocks of one machine, each read to the millisecond. */
const CLOCK_GRAIN_MS = 2;
const INTERVAL_SECONDS = 1;

interface Message {
  topic: string;
  payload: Record<string, unknown>;
}

/** The agent as it runs on a device, and what independent observers see of it. */
describe('metrics of a running agent', () => {
  const inbox = new Inbox<Message>();
  let cloud: LocalCloud;
  let page: Console;
  let agent: AgentProcess;
  let browser: Browser;
  let viewers: ViewerPage;
  let prometheusPort: number;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true, turn: true });
    const device = await cloud.createDevice(THING);
    cloud.createChannel(CHANNEL);
    for (const operation of ['DescribeSignalingChannel', 'GetSignalingChannelEndpoint'] as const)
      cloud.faults.add(operation, { kind: 'delay', delayMs: DELAY_MS, times: 1 });
    cloud.faults.add('AssumeRoleWithCertificate', { kind: 'delay', delayMs: DELAY_MS, times: 1 });
    await cloud.iot.mqtt.subscribe(`kvs-webrtc/${THING}/+`, (topic, payload) => {
      const kind = topic.split('/').at(-1) ?? '';
      if (kind === 'metrics') inbox.add({ topic: kind, payload: checkedEmf(payload.toString()) });
      else inbox.add({ topic: kind, payload: Object(JSON.parse(payload.toString())) });
    });
    prometheusPort = await freePort('127.0.0.1');
    const front = {
      channelName: CHANNEL,
      source: { type: 'test' },
      video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } },
    };
    agent = new AgentProcess({
      folder: cloud.directory,
      environment: cloud.agentEnvironment(),
      config: cloud.agentConfig(device, {
        metrics: {
          intervalSeconds: INTERVAL_SECONDS,
          logDurations: true,
          fleetGroup: 'lab',
          prometheusPort,
        },
        stateDirectory: cloud.directory,
        cameras: { front },
      }),
    });
    const channels = new Map([['front', CHANNEL]]);
    page = await startConsole(new CloudBackend({ cloud, thingName: THING, channels }), 0);
    browser = await launchBrowser();
    await cloud.events.waitFor('connected', { role: 'MASTER' }, { timeoutMs: 20_000 });
    viewers = await openViewerPage(browser, page.url);
  });
  after(async () => {
    await browser?.close();
    await agent?.stop();
    await page?.close();
    if (cloud) await closeCloud(cloud);
  });

  /** The first published value, or values, of a metric. */
  async function metric(name: string): Promise<number[]> {
    const { payload } = await inbox.find(({ topic, payload: each }) => topic === 'metrics' && name in each);
    return [payload[name]].flat().map(Number);
  }

  async function scrape(): Promise<Map<string, number>> {
    const response = await fetch(`http://127.0.0.1:${prometheusPort}/metrics`);
    assert.equal(response.status, 200);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const [, name = '', value] = /^(\w+)(?:{[^}]*})? (\S+)$/.exec(line) ?? [];
        return [name, Number(value)];
      }),
    );
  }

  test('requests take as long as the cloud takes', async (t) => {
    let togetherMs = 0;
    for (const name of ['getCredentials', 'describeChannel', 'getEndpoints']) {
      const [durationMs = 0] = await metric(name);
      t.diagnostic(`${name}: ${durationMs} ms for an answer ${DELAY_MS} ms late`);
      assert.ok(durationMs >= DELAY_MS, `${name}: ${durationMs} ms`);
      togetherMs += durationMs;
    }
    const [connectMs = -1] = await metric('connectAsMaster');
    assert.ok(connectMs > 0, `connectAsMaster: ${connectMs} ms`);
    // One after the other, and nothing counted twice: together they fit in between start and connection. The cloud knows of
    // that before the agent does.
    const [connected] = cloud.events.select('connected', { role: 'MASTER' });
    const tookMs = (connected?.at ?? 0) - agent.startedAt;
    assert.ok(togetherMs <= tookMs + CLOCK_GRAIN_MS, `${togetherMs} of ${tookMs} ms`);
  });

  test('a viewer’s summary agrees with the cloud, the browser and the log', async (t) => {
    const { id, status } = await viewers.play('front');
    await viewers.waitForFrames(id, 60);
    const { clientId = '' } = status;
    const seen = await viewers.figures(id);
    await viewers.close(id);
    const left = await inbox.find(({ payload }) => payload['event'] === 'viewer-left');
    const joined = inbox.items.find(({ payload }) => payload['event'] === 'viewer-joined');
    assert.equal(joined?.topic, 'sessions');
    assert.equal(joined.payload['clientId'], clientId);
    const { end, camera, durationsMs, sent, seconds } = left.payload;
    assert.deepEqual({ end, camera }, { end: 'closed-by-viewer', camera: 'front' });

    const durations: Record<string, number> = Object(durationsMs);
    t.diagnostic(JSON.stringify({ durations, page: status, seconds }));
    const message = { clientId, channelName: CHANNEL };
    const [offer] = cloud.events.select('message', { ...message, action: 'SDP_OFFER' });
    const [answer] = cloud.events.select('message', { ...message, action: 'SDP_ANSWER' });
    const onTheWire = (answer?.at ?? 0) - (offer?.at ?? 0);
    assertNear(
      durations['offerToAnswer'],
      onTheWire,
      Math.max(10, 0.05 * onTheWire),
      'offer to answer, as the cloud saw it',
    );
    const { answerMs = 0, connectedMs = 0, firstFrameMs = 0 } = status;
    const connected = (durations['offerToAnswer'] ?? 0) + (durations['answerToConnected'] ?? 0);
    assert.ok(
      connected <= connectedMs + 5,
      `connected after ${connected} ms, in the browser after ${connectedMs}`,
    );
    assert.ok((durations['firstKeyframe'] ?? Infinity) <= firstFrameMs, 'sent before it was seen');
    assert.ok(answerMs >= (durations['offerToAnswer'] ?? Infinity) - 1);
    for (const name of [
      'gatherHostCandidates',
      'findCandidatePair',
      'dtlsHandshake',
      'gatherRelayCandidates',
    ])
      assert.ok(Number(durations[name]) > 0, name);

    const totals: Record<string, number> = Object(sent);
    assertReceived(totals, seen);
    const line = await agent.waitForLog('durations', ({ msg }) => msg === 'viewer durations');
    assert.deepEqual(line.details['durationsMs'], durations);
  });

  test('CPU, memory and the capture’s processes are as the kernel says', async () => {
    const { id } = await viewers.play('front');
    await viewers.waitForFrames(id, 15);
    const captures = children(agent.pid);
    assert.ok(captures.length > 0);
    const kernel = () => {
      const [own, capture] = [kernelFigures([agent.pid]), kernelFigures(captures)];
      // Captures that have ended count, too.
      return [own, { ...capture, cpuSeconds: capture.cpuSeconds + own.endedChildrenSeconds }];
    };
    const [atFirst, figures, atLast] = [kernel(), await scrape(), kernel()];
    for (const [index, name] of ['agent', 'capture'].entries()) {
      const [first, last] = [atFirst[index], atLast[index]];
      const cpu = figures.get(`kvs_webrtc_${name}_cpu_time_seconds_total`) ?? 0;
      assertBetween(cpu, first?.cpuSeconds, last?.cpuSeconds, `CPU of the ${name}`);
      const [least, most] = [first?.residentBytes ?? 0, last?.residentBytes ?? 0].toSorted((a, b) => a - b);
      const memory = figures.get(`kvs_webrtc_${name}_memory_bytes`) ?? 0;
      assertBetween(memory, 0.95 * (least ?? 0), 1.05 * (most ?? 0), `memory of the ${name}`);
    }
    assert.equal(figures.get('kvs_webrtc_viewers'), 1);
    await viewers.close(id);
  });

  test('dimensions are few: version and group', async () => {
    const { payload } = await inbox.find(({ payload: each }) => 'viewers' in each);
    assert.deepEqual(Object(payload)['_aws'].CloudWatchMetrics[0].Dimensions, [['version', 'fleetGroup']]);
    const { thingName, camera, channelName, fleetGroup } = payload;
    const expected = { thingName: THING, camera: 'front', channelName: CHANNEL, fleetGroup: 'lab' };
    assert.deepEqual({ thingName, camera, channelName, fleetGroup }, expected);
  });

  test('published growth sums up to what the counters say', async () => {
    const total = (await scrape()).get('kvs_webrtc_sent_packets_total') ?? 0;
    const sum = () =>
      inbox.items.reduce((packets, { payload }) => packets + Number(payload['sentPackets'] ?? 0), 0);
    // Nobody watches any more: what was sent is published with the next documents.
    await inbox.find(() => sum() >= total);
    assert.equal(sum(), total);
  });
});

function assertBetween(actual: number, least = Number.NaN, most = Number.NaN, what = ''): void {
  assert.ok(actual >= least && actual <= most, `${what}: ${actual}, expected ${least} to ${most}`);
}

function assertNear(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  const text = `${what}: ${actual}, expected ${expected} ± ${tolerance}`;
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, text);
}

/** The browser was asked a moment before it left. */
function assertReceived(sent: Record<string, number>, { video, audio }: Figures): void {
  const bytes = video.bytesReceived + audio.bytesReceived;
  assertNear(sent['payloadBytes'], bytes, 0.05 * bytes, 'payload bytes');
  const packets = video.packetsReceived + audio.packetsReceived;
  assertNear(sent['packets'], packets, Math.max(8, 0.05 * packets), 'packets');
  assert.equal(video.packetsLost + audio.packetsLost, 0);
  assert.equal(sent['nackedPackets'], 0);
}

function children(pid: number): number[] {
  return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number);
}

/** proc(5): utime is field 14 of `stat`, the first behind the name field 3. */
function kernelFigures(pids: readonly number[]) {
  const sum = { cpuSeconds: 0, endedChildrenSeconds: 0, residentBytes: 0 };
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    sum.cpuSeconds += (Number(fields[11]) + Number(fields[12])) / 100;
    sum.endedChildrenSeconds += (Number(fields[13]) + Number(fields[14])) / 100;
    const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    sum.residentBytes += Number(resident) * 4096;
  }
  return sum;
}
