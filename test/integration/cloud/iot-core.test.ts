import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';
import { MqttClient } from '../../cloud/mqtt-client.ts';

interface Received {
  topic: string;
  body: Record<string, unknown>;
}

/** A device's MQTT client that keeps what it receives, in order. */
class Inbox {
  readonly messages: Received[] = [];
  #notify: () => void = () => undefined;

  readonly handler = (topic: string, payload: Buffer): void => {
    this.messages.push({ topic, body: JSON.parse(payload.toString()) });
    this.#notify();
  };

  /** Takes the first message whose topic ends so. */
  async take(suffix: string): Promise<Record<string, unknown>> {
    for (;;) {
      const index = this.messages.findIndex(({ topic }) => topic.endsWith(suffix));
      const [found] = index < 0 ? [] : this.messages.splice(index, 1);
      if (found) return found.body;
      await this.#next();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`only ${JSON.stringify(this.messages)}`)), 5000);
      this.#notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

describe('IoT Core', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let device: Device;
  let mqtt: MqttClient;
  const clients: MqttClient[] = [];
  const inbox = new Inbox();
  const classic = '$aws/things/camera-1/shadow';

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    device = await cloud.createDevice('camera-1');
    mqtt = clientOf(device);
    await mqtt.subscribe(`${classic}/+/+`, inbox.handler);
    await mqtt.subscribe(`${classic}/name/+/+/+`, inbox.handler);
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await cloud.close();
  });

  function clientOf(identity: Device): MqttClient {
    const [hostName = '', port = ''] = cloud.iot.endpoint.split(':');
    const clientId = `${identity.thingName}-kvs`;
    const client = new MqttClient({
      ...identity,
      caPath: cloud.caPath,
      hostName,
      port: Number(port),
      clientId,
    });
    clients.push(client);
    client.start();
    return client;
  }
  const named = (name: string) => `${classic}/name/${name}`;
  const update = (topic: string, body: object) => mqtt.publish(`${topic}/update`, body);

  test('refuses a client without a certificate of its CA', async () => {
    const foreign = await cloud.createForeignDevice('camera-1');
    const [host = '', port = ''] = cloud.iot.endpoint.split(':');
    const socket = connectTls({
      host,
      port: Number(port),
      ca: readFileSync(cloud.caPath),
      cert: readFileSync(foreign.certificatePath),
      key: readFileSync(foreign.privateKeyPath),
    });
    await assert.rejects(once(socket, 'close'), /alert|ECONNRESET/);
  });

  test('a shadow is made, answered, read and deleted', async () => {
    const topic = named('life');
    await mqtt.publish(`${topic}/get`, { clientToken: 'g-1' });
    const missing = await inbox.take('life/get/rejected');
    assert.equal(missing['code'], 404);
    assert.equal(missing['message'], "No shadow exists with name: 'camera-1~life'");
    assert.equal(missing['clientToken'], 'g-1');

    await update(topic, { state: { desired: { a: 1, b: { c: true, list: [1, 2] } } }, clientToken: 'u-1' });
    const accepted = await inbox.take('life/update/accepted');
    const timestamp = accepted['timestamp'];
    assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 5);
    assert.deepEqual(accepted, {
      state: { desired: { a: 1, b: { c: true, list: [1, 2] } } },
      metadata: {
        desired: { a: { timestamp }, b: { c: { timestamp }, list: [{ timestamp }, { timestamp }] } },
      },
      version: 1,
      timestamp,
      clientToken: 'u-1',
    });
    const documents = await inbox.take('life/update/documents');
    assert.partialDeepStrictEqual(documents, { previous: { version: 0 }, current: { version: 1 } });

    await mqtt.publish(`${topic}/get`, '');
    const got = await inbox.take('life/get/accepted');
    assert.partialDeepStrictEqual(got, {
      state: { desired: { a: 1 }, delta: { a: 1, b: { c: true, list: [1, 2] } } },
      metadata: { desired: { a: { timestamp } } },
      version: 1,
    });
    assert.ok(!JSON.stringify(got['state']).includes('reported'));

    await mqtt.publish(`${topic}/delete`, { clientToken: 'd-1' });
    assert.partialDeepStrictEqual(await inbox.take('life/delete/accepted'), {
      version: 1,
      clientToken: 'd-1',
    });
    await update(topic, { state: { reported: { x: 1 } } });
    assert.equal((await inbox.take('life/update/accepted'))['version'], 2, 'versions go on after a deletion');
  });

  test('the classic shadow lives beside the named ones', async () => {
    await update(classic, { state: { reported: { on: true } } });
    assert.partialDeepStrictEqual(await inbox.take('shadow/update/accepted'), { version: 1 });
    await mqtt.publish(`${classic}/get`, '');
    assert.partialDeepStrictEqual(await inbox.take('shadow/get/accepted'), {
      state: { reported: { on: true } },
    });
  });

  test('the delta holds what differs, with its metadata, and comes only where something differs', async () => {
    const topic = named('delta');
    await update(topic, { state: { desired: { same: 1, differs: 1, deep: { x: 1, y: 2 } } } });
    await inbox.take('delta/update/accepted');
    await inbox.take('delta/update/delta');
    await update(topic, {
      state: { reported: { same: 1, differs: 2, own: 3, deep: { x: 1 } } },
      clientToken: 't',
    });
    const delta = await inbox.take('delta/update/delta');
    assert.deepEqual(delta['state'], { differs: 1, deep: { y: 2 } });
    const timestamp = delta['timestamp'];
    assert.deepEqual(Object.keys(Object(delta['metadata'])), ['differs', 'deep']);
    assert.equal(delta['version'], 2);
    assert.ok(typeof timestamp === 'number');

    await update(topic, { state: { desired: { differs: null, deep: null } } });
    await inbox.take('delta/update/accepted');
    await inbox.take('delta/update/accepted');
    await update(topic, { state: { reported: { same: 1 } } });
    await inbox.take('delta/update/accepted');
    assert.deepEqual(
      inbox.messages.filter(({ topic: other }) => other.endsWith('delta/update/delta')),
      [],
      'deleting the differing keys ends the delta without a message',
    );
    await update(topic, { state: { desired: null } });
    await inbox.take('delta/update/accepted');
    assert.deepEqual(Object.keys(Object(cloud.iot.shadows.get('camera-1', 'delta')?.['state'])), [
      'reported',
    ]);
  });

  test('hostile keys are only keys', async () => {
    await mqtt.publish(
      `${named('hostile')}/update`,
      '{"state":{"desired":{"__proto__":{"polluted":1},"toString":2}}}',
    );
    const accepted = await inbox.take('hostile/update/accepted');
    assert.deepEqual(Object.keys(Object(Object(accepted['state'])['desired'])), ['__proto__', 'toString']);
    const state = JSON.stringify(cloud.iot.shadows.get('camera-1', 'hostile')?.['state']);
    assert.match(state, /"delta":\{"__proto__":\{"polluted":1\},"toString":2\}/);
  });

  test('wrong requests are rejected with the codes of AWS', async () => {
    const topic = named('wrong');
    await update(topic, { state: { desired: { keep: 1 } } });
    await inbox.take('wrong/update/accepted');
    let nested: object = {};
    for (let level = 0; level < 9; level++) nested = { nested };
    const wrong: [string | object, number, string][] = [
      ['{"state":', 400, 'Payload contains invalid json'],
      ['', 400, 'Payload contains invalid json'],
      [{}, 400, 'Missing required node: state'],
      [{ state: 1 }, 400, 'State node must be an object'],
      [{ state: { desired: 1 } }, 400, 'Desired node must be an object'],
      [{ state: { reported: [] } }, 400, 'Reported node must be an object'],
      [{ state: { other: {} } }, 400, "State contains an invalid node: 'other'"],
      [{ state: { desired: nested } }, 400, 'JSON contains too many levels of nesting; maximum is 8'],
      [{ state: {}, version: 'x' }, 400, 'Invalid version'],
      [{ state: {}, version: 7 }, 409, 'Version conflict'],
      [{ state: {}, clientToken: 'x'.repeat(65) }, 400, 'Invalid clientToken'],
      [
        { state: { desired: { big: 'x'.repeat(8192) } } },
        413,
        'The payload exceeds the maximum size allowed',
      ],
    ];
    for (const [payload, code, message] of wrong) {
      await mqtt.publish(`${topic}/update`, payload);
      const rejected = await inbox.take('wrong/update/rejected');
      assert.equal(rejected['code'], code, message);
      assert.equal(rejected['message'], message);
      assert.ok(typeof rejected['timestamp'] === 'number');
    }
    await update(topic, { state: { desired: { keep: 2 } }, version: 1 });
    assert.partialDeepStrictEqual(await inbox.take('wrong/update/accepted'), { version: 2 });
  });

  test('throttled, silent or garbled as told', async () => {
    const topic = named('faulty');
    cloud.faults.add('GetThingShadow', {
      kind: 'error',
      status: 429,
      errorType: 'x',
      message: 'Too many',
      times: 1,
    });
    cloud.faults.add('GetThingShadow', { kind: 'hang', times: 1 });
    for (const clientToken of ['throttled', 'silent', 'answered'])
      await mqtt.publish(`${topic}/get`, { clientToken });
    assert.partialDeepStrictEqual(await inbox.take('faulty/get/rejected'), {
      code: 429,
      clientToken: 'throttled',
    });
    assert.partialDeepStrictEqual(await inbox.take('faulty/get/rejected'), {
      code: 404,
      clientToken: 'answered',
    });
  });

  test('an edit by the user reaches the device; shadows and subscriptions outlive a broker restart', async () => {
    const topic = named('kept');
    await cloud.iot.shadows.update('camera-1', 'kept', { state: { desired: { a: 1 } } });
    assert.partialDeepStrictEqual(await inbox.take('kept/update/delta'), { state: { a: 1 }, version: 1 });
    await assert.rejects(cloud.iot.shadows.update('camera-1', 'kept', { state: 1 }), { code: 400 });
    const lost = mqtt.disconnected;
    await cloud.iot.stop();
    await lost;
    await cloud.iot.start();
    await mqtt.connected;
    await update(topic, { state: { reported: { a: 1 } } });
    assert.partialDeepStrictEqual(await inbox.take('kept/update/accepted'), { version: 1 });
    assert.partialDeepStrictEqual(await inbox.take('kept/update/accepted'), { version: 2 });
  });

  test('a thing does not see the topics of another thing', async () => {
    const other = clientOf(await cloud.createDevice('camera-2'));
    const otherInbox = new Inbox();
    await other.subscribe('$aws/things/+/shadow/#', otherInbox.handler);
    await other.subscribe('plain/#', otherInbox.handler);
    await update(named('private'), { state: { reported: { a: 1 } } });
    await inbox.take('private/update/accepted');
    await mqtt.publish('plain/end', {});
    await otherInbox.take('plain/end');
    assert.deepEqual(otherInbox.messages, []);
  });
});
