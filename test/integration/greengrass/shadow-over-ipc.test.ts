import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { discoverDevice } from '../../../src/greengrass/device-discovery.ts';
import { ipcAddress, IpcClient } from '../../../src/greengrass/ipc-client.ts';
import { IpcMqtt } from '../../../src/greengrass/ipc-mqtt.ts';
import { TokenExchangeCredentials } from '../../../src/identity/token-exchange-credentials.ts';
import { DeviceShadow, type DesiredDocument } from '../../../src/iot/device-shadow.ts';
import { MqttConnection, RefusedError } from '../../../src/iot/mqtt-connection.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { supervise, type Run } from '../../../src/runtime/supervise.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { startCloudNucleus, type CloudNucleus } from '../../cloud/nucleus/cloud-nucleus.ts';
import { ACCESS_CONTROL, COMPONENT, Heard, KeptLog, PERSONALITIES } from './support/bench.ts';

for (const personality of PERSONALITIES) {
  describe(`${personality}: the device shadow through the nucleus`, { timeout: 60_000 }, () => {
    const log = new KeptLog();
    const stop = new AbortController();
    const parts: Promise<void>[] = [];
    const desired = new Heard<DesiredDocument>();
    const thingName = `porch-${personality}`;
    let cloud: LocalCloud;
    let core: CloudNucleus;
    let env: Record<string, string>;
    let ipc: IpcClient;
    let bus: MqttConnection;
    let shadow: DeviceShadow;

    const run = (name: string, part: Run) => {
      const backoff = { baseMs: 20, maxMs: 100 };
      const options = { name, clock: systemClock, random: systemRandom, log, backoff };
      parts.push(supervise(part, stop.signal, options));
    };

    before(async () => {
      cloud = await startLocalCloud({ iotCore: true });
      core = await startCloudNucleus(cloud, await cloud.createDevice(thingName), { personality });
      env = core.nucleus.addComponent(COMPONENT, { accessControl: ACCESS_CONTROL, cameras: {} });
      const address = ipcAddress(env);
      assert.ok(address);
      ipc = new IpcClient({ address, clock: systemClock, log });
      const transport = new IpcMqtt({ ipc, refused: (message) => new RefusedError(message) });
      bus = new MqttConnection({ transport, clock: systemClock, random: systemRandom, log });
      shadow = new DeviceShadow({
        bus,
        thingName,
        shadowName: 'kvs-webrtc',
        clock: systemClock,
        random: systemRandom,
        log,
        onDesired: desired.hear,
        reportIntervalMs: 10,
      });
      run('nucleus', (signal) => ipc.run(signal));
      run('mqtt', (signal) => bus.run(signal));
      run('shadow', (signal) => shadow.run(signal));
    });
    after(async () => {
      stop.abort();
      await Promise.all(parts);
      await core.close();
      await cloud.close();
    });

    const edit = (values: object) =>
      cloud.iot.shadows.update(thingName, 'kvs-webrtc', { state: { desired: { ...values } } });

    test('what is desired arrives, and what is reported is there', async () => {
      await desired.until(({ version }) => version === 0);
      const startedAt = performance.now();
      await edit({ log: { level: 'debug' } });
      const document = await desired.until(({ version }) => version === 1);
      assert.ok(performance.now() - startedAt < 1500);
      assert.deepEqual(document.desired, { log: { level: 'debug' } });
      const reported = { log: { level: 'debug' }, note: 'ü'.repeat(200) };
      const updated = new Promise<void>((resolve) => {
        const topic = `$aws/things/${thingName}/shadow/name/kvs-webrtc/update/accepted`;
        void cloud.iot.mqtt.subscribe(topic, () => resolve());
      });
      shadow.report(reported);
      await updated;
      const { state } = cloud.iot.shadows.get(thingName, 'kvs-webrtc') ?? {};
      assert.deepEqual(JSON.parse(JSON.stringify(state)).reported, reported);
    });

    test('a cut connection to the nucleus is made anew and the document fetched again', async () => {
      const asked = desired.all.length;
      core.nucleus.ipc.disconnect();
      await edit({ log: { level: 'info' } });
      await desired.until((document) => JSON.stringify(document.desired).includes('info'));
      assert.ok(desired.all.length > asked);
    });

    test('IoT Core going away and coming back is survived', async () => {
      await cloud.iot.stop();
      await cloud.iot.start();
      await edit({ log: { level: 'warn' } });
      // The nucleus says nothing of its own connection: a change made meanwhile is seen at the next one.
      await edit({ log: { level: 'error' } });
      shadow.report({ log: { level: 'error' } });
      const lost = ipc.connection?.lost;
      core.nucleus.ipc.disconnect();
      await lost;
      await desired.until((document) => JSON.stringify(document.desired).includes('error'));
    });

    test("the nucleus's facts and credentials are the cloud's", async () => {
      const connection = await ipc.connected(stop.signal);
      const { layer } = await discoverDevice(connection, env, dirname(core.nucleus.configFile));
      assert.deepEqual(layer.values.credentials, {
        endpoint: cloud.credentialsEndpoint,
        roleAlias: cloud.roleAlias,
      });
      const { credentials } = await new TokenExchangeCredentials({ env, clock: systemClock }).fetch();
      assert.ok(cloud.context.credentials.find(credentials.accessKeyId));
    });
  });
}
