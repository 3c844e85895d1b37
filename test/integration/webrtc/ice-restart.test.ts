import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { connectEnds, exchangePackets, IceEnd } from './support/ice-end.ts';

describe('ICE restart', () => {
  const ends: IceEnd[] = [];
  afterEach(() => {
    for (const { agent } of ends.splice(0)) agent.close();
  });

  async function connected(): Promise<[device: IceEnd, viewer: IceEnd]> {
    const device = new IceEnd();
    const viewer = new IceEnd();
    ends.push(device, viewer);
    await Promise.all([device.agent.gatherHost(), viewer.agent.gatherHost()]);
    await connectEnds(device, viewer);
    return [device, viewer];
  }

  test('the new generation takes over when its pair is found, the old one serves until then', async () => {
    const [device, viewer] = await connected();
    const before = device.agent.selected;
    // The viewer's new generation, as after a change of its network: other parameters, other sockets.
    const renewed = new IceEnd();
    ends.push(renewed);
    await renewed.agent.gatherHost();
    device.agent.restart(renewed.agent.parameters, false);
    assert.equal(device.agent.selected, before);
    await exchangePackets(device, viewer, 20);
    for (const candidate of renewed.candidates) device.agent.addRemoteCandidate(candidate);
    for (const candidate of device.agent.candidates()) renewed.agent.addRemoteCandidate(candidate);
    await renewed.agent.connect(device.agent.parameters, true);
    device.packets.length = 0;
    await exchangePackets(device, renewed, 20);
    assert.notEqual(device.agent.selected, before);
  });

  test('a restart that the viewer never hears of leaves the pair in use alone', async () => {
    const [device, viewer] = await connected();
    const before = device.agent.selected;
    const stranger = { usernameFragment: 'nobody', password: 'nobody-nobody-nobody-nobody' };
    device.agent.restart(stranger, false);
    device.agent.restart({ ...stranger, usernameFragment: 'again' }, false);
    await exchangePackets(device, viewer, 100);
    assert.equal(device.agent.selected, before);
  });
});
