import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import type { CandidatePair } from '../../../src/webrtc/ice/candidate-pair.ts';
import { connectEnds, exchangePackets, IceEnd } from './support/ice-end.ts';

describe('ICE restart', () => {
  const ends: IceEnd[] = [];
  afterEach(() => {
    for (const { agent } of ends.splice(0)) agent.close();
  });

  async function connected(clock: Clock = systemClock): Promise<[device: IceEnd, viewer: IceEnd]> {
    const device = new IceEnd({ clock });
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

  test('the viewer changes its network: the old way has expired before the new one is found', async () => {
    const [device, viewer] = await connected(hastyClock);
    viewer.agent.close();
    const renewed = new IceEnd();
    ends.push(renewed);
    await renewed.agent.gatherHost();
    const before = device.agent.selected;
    assert.ok(before);
    // Its consent, 30 s long, is as good as over when the viewer asks.
    await unansweredFor(before, 400);
    device.agent.restart(renewed.agent.parameters, false);
    await until(() => device.agent.selected === undefined);
    for (const candidate of device.agent.candidates()) renewed.agent.addRemoteCandidate(candidate);
    await renewed.agent.connect(device.agent.parameters, true);
    await exchangePackets(device, renewed, 20);
    assert.equal(device.expiries, 0);
  });

  test('a viewer that is found on neither way is given up', async () => {
    const [device, viewer] = await connected(hastyClock);
    viewer.agent.close();
    device.agent.restart({ usernameFragment: 'nobody', password: 'nobody-nobody-nobody-nobody' }, false);
    await device.expired();
    assert.equal(device.agent.selected, undefined);
  });
});

/** Timers of 15 s and more run fifty times as fast: consent lasts 0.6 s, and so does the search of a restart. */
const hastyClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs < 15_000 ? delayMs : delayMs / 50, callback),
};

function unansweredFor(pair: CandidatePair, ms: number): Promise<void> {
  return until(() => performance.now() - pair.answeredAtMs >= ms);
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error('not within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
