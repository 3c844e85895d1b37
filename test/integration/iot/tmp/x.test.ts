import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../../cloud/local-cloud.ts';
import { closeCloud, ConnectedDevice, connected, disconnected, Inbox } from '../support/device.ts';
describe('x', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  const w = (process.env.W ?? '').split(' ');
  before(async () => { cloud = await startLocalCloud({ iotCore: true }); if (w.includes('inbox')) await cloud.iot.mqtt.subscribe('kvs-webrtc/#', () => {});  });
  after(() => closeCloud(cloud));
  test('restored', async () => {
    const one = new ConnectedDevice(cloud, await cloud.createDevice('x')); one.start(); await connected(one.bus);
    const inbox = new Inbox<string>();
    const received = (_: string, payload: Uint8Array) => inbox.add(Buffer.from(payload).toString());
    if (w.includes('kept')) await one.bus.subscribe('to/kept', received);
    const lost = disconnected(one.bus);
    await cloud.iot.stop(); await lost;
    if (w.includes('mean')) await one.bus.subscribe('to/mean', received);
    if (w.includes('own')) one.bus.onConnected(() => void one.bus.publish('to/kept', 'own'));
    await cloud.iot.start(); await connected(one.bus);
    if (w.includes('mean')) { await cloud.iot.mqtt.publish('to/mean', 'meanwhile'); await inbox.find((t) => t === 'meanwhile'); }
    if (w.includes('own')) { await inbox.find((t) => t === 'own'); }
    await one.close();
  });
});
