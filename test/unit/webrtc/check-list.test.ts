import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { candidatePriority } from '../../../src/webrtc/ice/candidate.ts';
import { parseStun } from '../../../src/webrtc/ice/stun.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { IcePeer, nominate } from './support/ice-peer.ts';
import { SimulatedNetwork } from './support/simulated-path.ts';

interface Ends {
  network: SimulatedNetwork;
  clock: SimulatedClock;
  device: IcePeer;
  viewer: IcePeer;
}

/** A device that is controlled and a viewer that is controlling, one address each, that know of each other. */
function connectedEnds(): Ends {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork(clock);
  const device = new IcePeer('device', network);
  const viewer = new IcePeer('viewer', network);
  device.add(network.base('10.0.0.1', 1_000));
  viewer.add(network.base('10.0.0.2', 2_000));
  return { network, clock, device, viewer };
}

/** The trick: for the viewer's list the device counts as lite, so that the viewer is the one that nominates. */
function start({ device, viewer }: Ends): void {
  device.signalTo(viewer);
  viewer.signalTo(device);
  device.list.start(viewer.list.local, false);
  viewer.list.start(device.list.local, true);
}

describe('connectivity checks', () => {
  test('two ends that know of each other agree on a pair in two round trips', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(45);
    assert.equal(ends.device.selectedRemote, '10.0.0.2');
    assert.equal(ends.viewer.selectedRemote, '10.0.0.1');
    ends.clock.advance(10_000);
    // Times with fractions do not add up to the last bit.
    assert.equal(ends.device.list.selected?.roundTripTimeMs?.toFixed(6), '20.000000');
  });

  test('the viewer is found by its checks where none of its candidates came', () => {
    const ends = connectedEnds();
    ends.device.signalTo(ends.viewer);
    ends.device.list.start(ends.viewer.list.local, false);
    ends.viewer.list.start(ends.device.list.local, true);
    ends.clock.advance(100);
    assert.equal(ends.device.list.selected?.remote.type, 'prflx');
  });

  test('a candidate that comes late is tried at once', () => {
    const ends = connectedEnds();
    ends.viewer.list.start(ends.device.list.local, true);
    ends.device.list.start(ends.viewer.list.local, false);
    ends.clock.advance(5_000);
    assert.equal(ends.device.list.selected, undefined);
    ends.device.signalTo(ends.viewer);
    ends.clock.advance(45);
    assert.ok(ends.device.list.selected);
  });

  test('with a tenth of the datagrams lost it nearly always connects within half a second, with a third lost it connects', () => {
    const times: number[] = [];
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(99)), fc.constantFrom(10, 33), (dice, loss) => {
        const ends = connectedEnds();
        ends.network.arrives = () => (dice.next().value ?? 0) >= loss;
        start(ends);
        while (!ends.device.list.selected) {
          ends.clock.advance(10);
          assert.ok(ends.clock.monotonic() < 20_000, 'never connected');
        }
        if (loss === 10) times.push(ends.clock.monotonic());
        ends.device.list.close();
        ends.viewer.list.close();
      }),
      { numRuns: 500 },
    );
    const p95 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? Infinity;
    assert.ok(p95 < 500, `p95 ${p95} ms`);
  });

  test('a peer that only answers is nominated by us, also when that is lost twice', () => {
    const ends = connectedEnds();
    let drops = 2;
    ends.network.arrives = (from, _to, data) =>
      from.address !== '10.0.0.2' || !parseStun(data)?.attributes.has(0x25) || drops-- <= 0;
    start(ends);
    ends.clock.advance(1_000);
    assert.ok(ends.device.list.selected);
    assert.ok(ends.viewer.list.selected);
  });

  test('both ends controlled: the conflict is settled and they connect', () => {
    const ends = connectedEnds();
    ends.device.signalTo(ends.viewer);
    ends.viewer.signalTo(ends.device);
    ends.device.list.start(ends.viewer.list.local, false);
    ends.viewer.list.start(ends.device.list.local, false);
    ends.clock.advance(1_000);
    assert.ok(ends.device.list.selected);
    assert.ok(ends.viewer.list.selected);
  });

  test('an answer from another address than was asked does not count', () => {
    const ends = connectedEnds();
    const liar = ends.network.base('10.0.0.9', 9_000);
    const forward = ends.viewer.bases[0];
    assert.ok(forward);
    // Requests reach the viewer, answers leave from elsewhere.
    const send = forward.send.bind(forward);
    forward.send = (data, port, address) =>
      parseStun(Buffer.from(data))?.type === 0x0101
        ? liar.send(data, port, address)
        : send(data, port, address);
    start(ends);
    ends.clock.advance(5_000);
    assert.equal(ends.device.list.selected, undefined);
  });
});

describe('the pair in use', () => {
  test('follows the viewer to a better pair', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(100);
    const better = ends.viewer.add(ends.network.base('10.0.0.3', 3_000));
    better.candidate.priority = candidatePriority('host', 65_535) + 1;
    ends.device.list.addRemote({ ...better.candidate });
    const [ours] = ends.device.bases;
    assert.ok(ours);
    nominate(better, ends.device, ends.viewer, ours);
    ends.clock.advance(60);
    assert.equal(ends.device.selectedRemote, '10.0.0.3');
    assert.equal(ours.preferred, '10.0.0.3 3000');
  });

  test('does not move to a worse pair while the one in use answers, but does when it is silent', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(100);
    const worse = ends.viewer.add(ends.network.base('10.0.0.4', 4_000, 10));
    worse.candidate.priority = 1;
    const [ours] = ends.device.bases;
    assert.ok(ours);
    const nominateFor = (durationMs: number) => {
      for (let t = 0; t < durationMs; t += 500) {
        nominate(worse, ends.device, ends.viewer, ours);
        ends.clock.advance(500);
      }
    };
    nominateFor(3_000);
    assert.equal(ends.device.selectedRemote, '10.0.0.2');
    ends.network.arrives = (from, to) => from.address !== '10.0.0.2' && to.address !== '10.0.0.2';
    nominateFor(3_000);
    assert.equal(ends.device.selectedRemote, '10.0.0.4');
  });

  test('when its address goes, another that works takes over without the viewer', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(100);
    const next = ends.device.add(ends.network.base('10.0.1.1', 1_001));
    ends.clock.advance(100);
    const [gone] = ends.device.bases;
    assert.ok(gone);
    gone.close();
    ends.device.list.removeBase(gone);
    assert.equal(ends.device.list.selected?.base, next);
  });

  test('consent: an outage of 10 s heals, a viewer that died is given up after 30 s', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(20_000);
    ends.network.arrives = () => false;
    ends.clock.advance(10_000);
    ends.network.arrives = () => true;
    ends.clock.advance(60_000);
    assert.equal(ends.device.expiredAtMs, undefined);
    const diedAtMs = ends.clock.monotonic();
    ends.network.arrives = () => false;
    ends.clock.advance(60_000);
    const afterMs = (ends.device.expiredAtMs ?? Infinity) - diedAtMs;
    assert.ok(afterMs <= 30_000 && afterMs > 20_000, `given up after ${afterMs} ms`);
  });
});

describe('bounds', () => {
  test('a flood of candidates makes no more than 128 pairs and a bounded number of checks', () => {
    const ends = connectedEnds();
    ends.device.list.start(ends.viewer.list.local, false);
    let kept = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const address = `10.1.${i >> 8}.${i & 255}`;
      const candidate = {
        foundation: '1',
        transport: 'udp' as const,
        priority: i,
        address,
        port: 9,
        type: 'host' as const,
      };
      if (ends.device.list.addRemote(candidate)) kept += 1;
    }
    assert.equal(kept, 64);
    ends.clock.advance(30_000);
    assert.ok(ends.network.sent < 64 * 80, `${ends.network.sent} checks sent`);
  });

  test('nothing is sent any more once it is closed', () => {
    const ends = connectedEnds();
    start(ends);
    ends.clock.advance(100);
    ends.device.list.close();
    ends.viewer.list.close();
    const { sent } = ends.network;
    ends.clock.advance(120_000);
    assert.equal(ends.network.sent, sent);
    assert.equal(ends.device.expiredAtMs, undefined);
  });
});
