import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import { Pacer } from '../../../src/rtp/pacer.ts';
import { RtpSender } from '../../../src/rtp/rtp-sender.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { parseRtp } from '../../support/rtp-packet.ts';
import { RtpViewer } from '../../support/rtp-viewer.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { FRAME_MS, frameNumbers, range, TestCamera, watch } from './sender-setup.ts';

for (const profile of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'] as const) {
  test(`${profile}: each viewer gets every frame, byte for byte, under its own SSRC and sequence numbers`, () => {
    const camera = new TestCamera();
    const watching = [1, 2, 3].map(() => watch(camera, {}, { profile }));
    for (const { sender } of watching) sender.start();
    camera.gop(20);
    camera.capture(true, 100_000);
    for (const { viewer } of watching) {
      assert.deepEqual(
        viewer.frames().map(({ data }) => data),
        camera.units,
      );
      assert.deepEqual(viewer.missing(), []);
      assert.equal(viewer.refused, 0);
    }
    const ssrcs = watching.map(({ viewer }) => [...viewer.packets.values()][0]!.ssrc);
    assert.equal(new Set(ssrcs).size, 3);
  });
}

test('timestamps follow the capture time at 90 kHz', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(5);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  for (let i = 1; i < stamps.length; i++) assert.equal((stamps[i]! - stamps[i - 1]!) >>> 0, FRAME_MS * 90);
});

test('every packet carries the MID and the next transport-wide sequence number, and is told when sent', () => {
  const camera = new TestCamera();
  const sent: number[][] = [];
  const { viewer, sender } = watch(camera, { onSent: (...entry) => sent.push(entry) });
  sender.start();
  camera.gop(3);
  const packets = [...viewer.packets.values()];
  assert.ok(packets.length > 10);
  packets.forEach((packet, i) => {
    assert.equal(packet.extensions.get(3)!.toString(), '0');
    assert.equal(packet.extensions.get(5)!.readUInt16BE(), i);
    assert.deepEqual(sent[i]!.slice(0, 2), [i, viewer.datagrams[i]!.length]);
  });
});

test('without extensions the header has 12 bytes; audio has no marker', () => {
  const clock = new SimulatedClock();
  const stream = new MediaStream({ codec: 'opus', clock });
  const viewer = new RtpViewer({ payloadType: 111, codec: 'opus' });
  const transport = { packets: viewer, srtp: viewer.srtp, pacer: new Pacer(clock) };
  const sender = new RtpSender(stream, {
    clock,
    random: systemRandom,
    transport,
    payloadType: 111,
    cname: 'c',
  });
  sender.start();
  for (let i = 0; i < 5; i++) {
    stream.push({ codec: 'opus', data: Buffer.from([i, 1, 2]), captureTimeMs: clock.now(), keyframe: true });
    clock.advance(20);
  }
  assert.deepEqual(
    viewer.frames().map(({ data }) => data[0]),
    [0, 1, 2, 3, 4],
  );
  assert.equal(viewer.datagrams[0]!.length, 12 + 3 + 10);
  assert.ok([...viewer.packets.values()].every(({ marker }) => !marker));
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  assert.equal((stamps[1]! - stamps[0]!) >>> 0, 960);
  // No GOP: a lost audio packet that is gone is not replayed.
  clock.advance(60_000);
  stream.push({ codec: 'opus', data: Buffer.from([9]), captureTimeMs: clock.now(), keyframe: true });
  sender.onNack(sender.ssrc, [...viewer.packets.values()][0]!.sequence, 0);
  sender.onPictureLoss(sender.ssrc);
  assert.equal(viewer.packets.size, 6);
  assert.equal(sender.stats().unrepairablePackets, 1);
});

test('a packet that the transport refuses is counted and the stream goes on', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.capture(true);
  viewer.refuses = true;
  camera.capture();
  sender.report();
  viewer.refuses = false;
  camera.capture();
  assert.deepEqual(frameNumbers(viewer), [1, 3]);
  assert.equal(sender.stats().sendErrors, 3);
});

test('memory of packets is left alone while the transport is busy, and used again afterwards', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  const kept: { view: Uint8Array; copy: Buffer }[] = [];
  let busy = true;
  viewer.busy = () => busy;
  viewer.send = (datagram) => kept.push({ view: datagram, copy: Buffer.from(datagram) });
  sender.start();
  camera.gop(100);
  for (const { view, copy } of kept) assert.deepEqual(Buffer.from(view), copy);
  busy = false;
  const before = kept.length;
  camera.gop(100);
  assert.equal(new Set(kept.slice(before).map(({ view }) => view.buffer)).size, 1);
});

test('a sender report tells the wall clock at the time of the same timestamps', () => {
  const camera = new TestCamera();
  camera.clock.wallMs += 0.25;
  const { viewer, sender } = watch(camera);
  sender.report();
  assert.equal(viewer.rtcp.length, 0, 'nothing to report on yet');
  sender.start();
  camera.gop(9);
  const capturedAtMs = camera.clock.now() - FRAME_MS;
  const last = viewer.frames().at(-1)!.timestamp;
  sender.report();
  const packet = viewer.rtcp[0]!;
  let reports = 0;
  const valid = parseRtcp(packet, {
    onSenderReport(ssrc, ntpTime, rtpTimestamp) {
      reports += 1;
      assert.equal(ssrc, sender.ssrc);
      const wallMs =
        Number(ntpTime >> 32n) * 1000 - 2_208_988_800_000 + (Number(ntpTime & 0xffff_ffffn) / 2 ** 32) * 1000;
      assert.ok(Math.abs(wallMs - camera.clock.now()) < 0.001);
      const ticks = ((rtpTimestamp - last) << 0) / 90;
      assert.ok(Math.abs(wallMs - capturedAtMs - ticks) < 0.02);
    },
  });
  assert.ok(valid && reports === 1);
  assert.equal(packet.readUInt32BE(20), viewer.packets.size);
  assert.equal(
    packet.readUInt32BE(24),
    [...viewer.packets.values()].reduce((sum, { payload }) => sum + payload.length, 0),
  );
  assert.ok(packet.includes('camera-1'));
});

test('the round trip comes from the report block', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.capture(true);
  sender.report();
  const lastSenderReport = viewer.rtcp[0]!.readUInt32BE(10);
  camera.clock.advance(150);
  const block = {
    ssrc: sender.ssrc,
    fractionLost: 64,
    cumulativeLost: 3,
    highestSequence: viewer.highest + 3 * 65_536,
    jitter: 900,
    lastSenderReport,
    delaySinceLastSenderReport: 6554,
  };
  sender.onReportBlock(1, { ...block, ssrc: sender.ssrc ^ 1 });
  assert.equal(sender.stats().roundTripMs, undefined);
  sender.onReportBlock(1, block);
  const { roundTripMs, reportedPackets, lostPackets, jitterMs } = sender.stats();
  assert.ok(Math.abs(roundTripMs! - 50) < 1);
  assert.deepEqual(
    { reportedPackets, lostPackets, jitterMs },
    { reportedPackets: sender.stats().packets, lostPackets: 3, jitterMs: 10 },
  );
});

test('a closed sender says goodbye once and sends no more', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.capture(true);
  sender.close();
  sender.close();
  const gone: number[] = [];
  for (const packet of viewer.rtcp) parseRtcp(packet, { onGoodbye: (ssrc) => gone.push(ssrc) });
  assert.deepEqual(gone, [sender.ssrc, sender.rtxSsrc]);
  const before = viewer.datagrams.length;
  camera.gop(3);
  sender.start();
  sender.report();
  sender.onNack(sender.ssrc, parseRtp(viewer.datagrams[0]!).sequence, 0);
  assert.equal(viewer.datagrams.length, before);
});

test('timestamps go on when the wall clock is set anew', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(3);
  camera.clock.wallMs -= 3_600_000;
  camera.gop(3);
  camera.clock.wallMs += 86_400_000;
  camera.gop(3);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  assert.deepEqual(frameNumbers(viewer), range(1, 12));
  for (let i = 1; i < stamps.length; i++) {
    const ticks = (stamps[i]! - stamps[i - 1]!) >>> 0;
    assert.ok(Math.abs(ticks - FRAME_MS * 90) <= 1, `step of ${ticks}`);
  }
});

test('pictures out of order that come later and later keep their times', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(3);
  const first = camera.unit(false, 1000);
  camera.clock.advance(FRAME_MS);
  const second = camera.unit(false, 1000);
  camera.clock.advance(1500);
  camera.stream.push(second);
  camera.stream.push(first);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  assert.deepEqual(
    stamps.slice(-2).map((stamp) => ((stamp - stamps[0]!) | 0) / 90),
    [5 * FRAME_MS, 4 * FRAME_MS],
  );
});

test('pictures that come a second late, and all at once, keep their times', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(3);
  const late = Array.from({ length: 30 }, () => {
    const unit = camera.unit(false, 1000);
    camera.clock.advance(FRAME_MS);
    return unit;
  });
  for (const unit of late) camera.stream.push(unit);
  camera.gop(3);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  assert.deepEqual(frameNumbers(viewer), range(1, 38));
  for (let i = 1; i < stamps.length; i++) assert.equal((stamps[i]! - stamps[i - 1]!) >>> 0, FRAME_MS * 90);
});

test('a picture out of order that comes a second after the one before it keeps its time', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(3);
  const first = camera.unit(false, 1000);
  camera.clock.advance(FRAME_MS);
  camera.stream.push(camera.unit(false, 1000));
  camera.clock.advance(1500);
  camera.stream.push(first);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  assert.deepEqual(
    stamps.slice(-2).map((stamp) => ((stamp - stamps[0]!) | 0) / 90),
    [5 * FRAME_MS, 4 * FRAME_MS],
  );
});
