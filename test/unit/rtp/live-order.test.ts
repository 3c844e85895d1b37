import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer } from '../../../src/rtp/pacer.ts';
import { TransportSequence } from '../../../src/rtp/packet-output.ts';
import { RtpSender } from '../../../src/rtp/rtp-sender.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { RtpViewer } from '../../support/rtp-viewer.ts';
import { frameNumbers, range, RTX, TestCamera, VIDEO } from './sender-setup.ts';

const KEYFRAME_BYTES = 100_000;

/** Viewers at the live edge; `order` names the viewer of each datagram as they leave. */
function liveViewers(camera: TestCamera, count: number, paceKbps?: number) {
  const order: number[] = [];
  const pacers: Pacer[] = [];
  const senders: RtpSender[] = [];
  const viewers = range(1, count).map((number) => {
    const viewer = new RtpViewer({ payloadType: VIDEO, rtxPayloadType: RTX });
    viewer.arrives = () => order.push(number) > 0;
    const pacer = new Pacer(camera.clock, paceKbps);
    pacers.push(pacer);
    const transport = {
      packets: viewer,
      srtp: viewer.srtp,
      transportSequence: new TransportSequence(),
      pacer,
    };
    const { clock, stream } = camera;
    const sender = new RtpSender(stream, {
      clock,
      random: systemRandom,
      transport,
      payloadType: VIDEO,
      cname: 'camera-1',
    });
    sender.start();
    senders.push(sender);
    return viewer;
  });
  camera.capture(true);
  camera.capture();
  order.length = 0;
  return { viewers, pacers, senders, order };
}

test('each viewer has the beginning of a large picture before any has the rest', () => {
  const camera = new TestCamera();
  const { viewers, pacers, order } = liveViewers(camera, 10);
  for (const pacer of pacers) pacer.isWide = true;
  camera.capture(true, KEYFRAME_BYTES);
  const packets = Math.ceil(KEYFRAME_BYTES / 1188);
  assert.ok(order.length >= 10 * packets);
  const servedBeforeTheLast = order.indexOf(10);
  assert.ok(servedBeforeTheLast <= 9 * 4, `${servedBeforeTheLast} packets before the tenth viewer's first`);
  for (const viewer of viewers) assert.deepEqual(frameNumbers(viewer), [1, 2, 3]);
});

test('on a link without an end a picture leaves whole, and delays none after it; on another it keeps to the pace', () => {
  const cases = [
    { isWide: true, atOnce: 3, aFrameLater: 4 },
    { isWide: false, atOnce: 2, aFrameLater: 2 },
  ];
  for (const { isWide, atOnce, aFrameLater } of cases) {
    const camera = new TestCamera();
    const { viewers, pacers } = liveViewers(camera, 1, 10_000);
    for (const pacer of pacers) pacer.isWide = isWide;
    camera.stream.push(camera.unit(true, KEYFRAME_BYTES));
    assert.equal(frameNumbers(viewers[0]!).length, atOnce);
    camera.clock.advance(33);
    camera.stream.push(camera.unit(false, 2000));
    assert.equal(frameNumbers(viewers[0]!).length, aFrameLater);
  }
});

test('a replay keeps to the pace on a link without an end too', () => {
  const camera = new TestCamera();
  const { viewers, pacers, senders } = liveViewers(camera, 1, 4000);
  for (let i = 0; i < 50; i += 1) camera.capture();
  for (const pacer of pacers) pacer.isWide = true;
  const sent = frameNumbers(viewers[0]!).length;
  for (const sender of senders) sender.onPictureLoss(sender.ssrc);
  const replayed = () => frameNumbers(viewers[0]!).length - sent;
  assert.ok(replayed() < 5, `${replayed()} of 52 pictures at once`);
  camera.clock.advance(300);
  assert.equal(replayed(), 52);
});
