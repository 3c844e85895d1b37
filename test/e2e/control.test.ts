import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { isObject, type JsonObject } from '../../src/config/layers.ts';
import { Inbox } from '../integration/iot/support/device.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import { snapshotInPage, type PageSnapshot } from './support/snapshot.ts';

declare const kvs: {
  tile(id: string): {
    viewer: { control: { methods: string[]; request(method: string, params?: object): Promise<JsonObject> } };
  };
};

interface MqttAnswer {
  id: string;
  result?: { bytes: number; sha256: string; pieces: number };
  error?: { code: string; message: string };
  piece?: { number: number; data: string };
}

describe('the control channel', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  let id: string;

  before(async () => {
    browser = await launchBrowser();
    site = await startSite({
      cameras: { front: { source: { type: 'test' }, control: { allowed: ['view', 'snapshot', 'command'] } } },
      settings: {
        actions: { door: { command: ['cat'] }, back: { command: ['false'], cameras: ['garden'] } },
        commands: { allowed: ['snapshot'], snapshotMaxKilobytes: 20 },
      },
      cloud: { iotCore: true },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
    ({ id } = await page.play('front'));
    await page.page.waitForFunction((viewer) => kvs.tile(viewer).viewer.control.methods.length > 0, id);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  function request(method: string, params?: object): Promise<JsonObject> {
    return page.page.evaluate(
      ([viewer, name, values]) => kvs.tile(viewer).viewer.control.request(name, values),
      [id, method, params] as const,
    );
  }

  function snapshot(params: object): Promise<PageSnapshot> {
    return page.page.evaluate(snapshotInPage, [id, params, '/frame-strip.js'] as const);
  }

  test('a snapshot is the live picture, in the size asked for', async (t) => {
    await page.waitForFrames(id, 45);
    const whole = await snapshot({});
    t.diagnostic(JSON.stringify(whole));
    assert.deepEqual([whole.type, whole.width, whole.height], ['image/jpeg', 1280, 720]);
    // Newer than what the browser shows, which is behind by its jitter buffer.
    assert.ok(whole.frame >= whole.shownFrame - 3, `${whole.frame}, shown was ${whole.shownFrame}`);
    assert.ok(whole.ageMs < 500, `${whole.ageMs} ms old`);
    const small = await snapshot({ width: 320, quality: 30 });
    assert.deepEqual([small.width, small.height], [320, 180]);
    assert.ok(small.bytes < whole.bytes / 3);
    await assert.rejects(snapshot({ width: -1 }), /width: an even number/);
  });

  test('pause stops the picture, resume brings it back', async () => {
    await request('pause');
    const paused = await page.figures(id);
    assert.deepEqual(await request('renditions'), {
      renditions: [{ name: 'high', width: 1280, height: 720, fps: 30, bitrateKbps: 2500 }],
      shown: 'high',
      chosen: 'auto',
    });
    const later = await page.figures(id);
    assert.ok(later.video.framesReceived - paused.video.framesReceived < 5);
    await request('resume');
    await page.waitForFrames(id, 30);
    assert.ok(JSON.stringify(await request('statistics')).includes('"kind":"video"'));
  });

  test('an action of the configuration is run, another one is not', async () => {
    const { reply } = await request('command', { action: 'door', data: { seconds: 2 } });
    assert.ok(isObject(reply));
    const { clientId, ...message } = reply;
    assert.match(JSON.stringify(clientId), /^"page-/);
    assert.deepEqual(message, { camera: 'front', action: 'door', data: { seconds: 2 } });
    await assert.rejects(request('command', { action: 'back' }), /action: one of door\b/);
    await assert.rejects(request('ptz', { pan: 1 }), /one of/);
  });

  test('a snapshot comes over MQTT, whole, or is refused with the cure', async () => {
    const { mqtt } = site.cloud.iot;
    const inbox = new Inbox<MqttAnswer>();
    await mqtt.subscribe('kvs-webrtc/demo-device/responses', (_, payload) =>
      inbox.add(JSON.parse(payload.toString())),
    );
    const ask = async (name: string, options: object) => {
      const command = { id: name, arguments: { camera: 'front', ...options } };
      await mqtt.publish('kvs-webrtc/demo-device/commands/snapshot', command);
      return inbox.find((answer) => answer.id === name);
    };
    const { result } = await ask('small', { width: 320 });
    await inbox.find(({ piece }) => piece !== undefined && piece.number === result?.pieces);
    const jpeg = Buffer.concat(inbox.items.map(({ piece }) => Buffer.from(piece?.data ?? '', 'base64')));
    assert.equal(jpeg.length, result?.bytes);
    assert.equal(createHash('sha256').update(jpeg).digest('hex'), result?.sha256);
    assert.equal(jpeg.readUInt16BE(0), 0xffd8);
    assert.match((await ask('whole', {})).error?.message ?? '', /ask for a smaller width or quality/);
    const { error } = await ask('elsewhere', { url: 'https://169.254.169.254/?X-Amz-Signature=secret' });
    const message = 'url: commands.uploadHosts does not name 169.254.169.254';
    assert.deepEqual(error, { code: 'bad-arguments', message });
    assert.doesNotMatch(JSON.stringify(site.agent.logs), /X-Amz-Signature/);
  });
});
