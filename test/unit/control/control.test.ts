import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Control, type Permission } from '../../../src/control/control.ts';
import { viewMethods, type ViewingViewer } from '../../../src/control/view-methods.ts';
import { createLog } from '../../../src/log.ts';
import type { DataChannel } from '../../../src/webrtc/sctp/data-channel.ts';
import type { ChannelTerms } from '../../../src/webrtc/sctp/dcep.ts';
import { ChannelPair, RELIABLE } from '../../support/channel-pair.ts';
import { fuzzControl } from './fuzz.ts';

interface Answer {
  ok: boolean;
  result?: object;
  error?: { code: string; message: string };
}

/** A viewer at the channel `control`, over real data channels on a simulated path. */
class Operator {
  readonly pair = new ChannelPair();
  readonly done: string[] = [];
  readonly received: Array<string | Buffer> = [];
  readonly control: Control<ViewingViewer>;
  readonly channel: DataChannel;

  constructor(allowed: Permission[], terms: Omit<ChannelTerms, 'label'> = RELIABLE) {
    const did = (what: string) => () => void this.done.push(what);
    this.control = new Control<ViewingViewer>({
      camera: 'front',
      methods: {
        ...viewMethods(),
        snapshot: {
          permission: 'snapshot',
          run: (_viewer, { bytes }) => ({ result: {}, attachment: Buffer.alloc(Number(bytes), 7) }),
        },
        command: { permission: 'command', run: () => ({ result: (did('command')(), {}) }) },
      },
      actions: ['light'],
      permissions: () => allowed,
      clock: this.pair.clock,
      log: createLog('error'),
    });
    const viewer: ViewingViewer = {
      clientId: 'viewer-1',
      renditions: () => ({ renditions: [], shown: 'high', chosen: 'auto' }),
      choose: (rendition) => rendition === 'auto',
      requestKeyframe: did('keyframe'),
      pause: did('pause'),
      resume: did('resume'),
      statistics: () => ({ tracks: [] }),
    };
    this.pair.onChannel = (opened) => this.control.serve(opened, viewer);
    this.channel = this.pair.viewer.create({ label: 'control', ...terms });
    this.channel.onMessage = (message) =>
      this.received.push(typeof message === 'string' ? message : Buffer.from(message));
    this.pair.clock.advance(1_100);
  }

  /** Sends a text and returns the next answer. */
  async ask(request: unknown): Promise<Answer> {
    await this.pass();
    const before = this.received.length;
    this.channel.send(typeof request === 'string' ? request : JSON.stringify(request));
    await this.pass();
    const answer: Answer = JSON.parse(String(this.received[before]));
    return answer;
  }

  async pass(): Promise<void> {
    for (let i = 0; i < 5; i += 1) {
      this.pair.clock.advance(50);
      await setImmediate();
    }
  }
}

const request = (method: string, params?: object) => ({ v: 1, id: '1', method, ...(params && { params }) });

test('a viewer is told what it may do, and does it', async () => {
  const operator = new Operator(['view']);
  assert.deepEqual(await operator.ask(request('pause')), { v: 1, id: '1', ok: true, result: {} });
  assert.deepEqual(JSON.parse(String(operator.received[0])), {
    v: 1,
    event: 'hello',
    camera: 'front',
    methods: ['renditions', 'choose', 'keyframe', 'statistics', 'pause', 'resume'],
  });
  for (const method of ['resume', 'keyframe', 'statistics', 'renditions'])
    assert.equal((await operator.ask(request(method))).ok, true, method);
  assert.deepEqual(operator.done, ['pause', 'resume', 'keyframe']);
  assert.equal((await operator.ask(request('choose', { rendition: 'auto' }))).ok, true);
  const { error } = await operator.ask(request('choose', { rendition: 'best' }));
  assert.deepEqual(error, { code: 'bad-params', message: 'rendition: "auto" or the name of a rendition' });
});

test('a viewer without permission gets an error, and nothing happens', async () => {
  for (const allowed of [[], ['snapshot'], ['view', 'snapshot', 'talk']] as Permission[][]) {
    const operator = new Operator(allowed);
    const { ok, error } = await operator.ask(request('command', { name: 'reboot' }));
    assert.equal(ok, false);
    assert.deepEqual(error, { code: 'not-allowed', message: 'control.allowed does not grant "command"' });
    assert.equal(operator.control.counters.refused, 1);
    assert.deepEqual(operator.done, []);
  }
});

test('what is no request is answered and counted', async () => {
  const operator = new Operator(['view']);
  const codes: unknown[] = [];
  for (const text of ['', '{', '[]', '{"v":1}', '{"v":2,"id":"1","method":"pause"}', '{"v":1,"id":"1"}']) {
    const { error } = await operator.ask(text);
    codes.push(error?.code);
  }
  assert.deepEqual(codes, ['malformed', 'malformed', 'malformed', 'malformed', 'version', 'malformed']);
  for (const method of ['constructor', 'toString', 'nothing'])
    assert.equal((await operator.ask(request(method.toLowerCase()))).error?.code, 'unknown');
  assert.equal(operator.control.counters.malformed, 6);
});

test('an attachment follows its answer, whole', async () => {
  const operator = new Operator(['snapshot']);
  assert.equal((await operator.ask(request('snapshot', { bytes: 50_000 }))).ok, true);
  const parts = operator.received.filter((message) => typeof message !== 'string');
  assert.deepEqual(Buffer.concat(parts), Buffer.alloc(50_000, 7));
  const { error } = await operator.ask(request('snapshot', { bytes: 800_000 }));
  assert.equal(error?.code, 'too-large');
});

test('a flood of requests is not answered for ever', async () => {
  const operator = new Operator(['view']);
  await operator.pass();
  for (let i = 0; i < 1_000; i += 1)
    operator.channel.send(JSON.stringify({ v: 1, id: String(i), method: 'pause' }));
  await operator.pass();
  assert.ok(operator.done.length <= 50, `${operator.done.length} of 1,000`);
  assert.ok(operator.control.counters.dropped >= 900);
});

test('a control channel that may lose messages is refused', async () => {
  const operator = new Operator(['view'], { ...RELIABLE, maxRetransmits: 0 });
  let isClosed = false;
  operator.channel.onClose = () => (isClosed = true);
  await operator.pass();
  await operator.pass();
  assert.ok(isClosed);
});

test('20 000 random and mutated requests', () => fuzzControl(20_000, 4_711));
