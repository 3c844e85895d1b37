import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import type { SrtpKeys } from '../../../src/rtp/srtp-keys.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { negotiate } from '../../../src/webrtc/negotiate.ts';
import { RtpSession } from '../../../src/webrtc/rtp-session.ts';
import { parseOffer } from '../../../src/webrtc/sdp.ts';
import { ShownRendition } from '../../../src/webrtc/shown-rendition.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const OFFER = readFileSync(join(import.meta.dirname, 'fixtures', 'chrome-156.sdp'), 'utf8');
const CAMERA = { video: 'h264', audio: 'opus', dataChannel: false, talk: false, twcc: true } as const;

function keys(): SrtpKeys {
  return { profile: 'AES_CM_128_HMAC_SHA1_80', masterKey: randomBytes(16), masterSalt: randomBytes(14) };
}

/** A connected viewer with sound and picture; `capture` gives it one of each, `sent` tells which of them left. */
function connected() {
  const clock = new SimulatedClock();
  const video = new MediaStream({ codec: 'h264', clock });
  const audio = new MediaStream({ codec: 'opus', clock });
  const rendition = { name: 'high', width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };
  const lease = () => ({ stream: video, release: () => {} });
  const shown = new ShownRendition({ list: () => [rendition], lease, onChange: () => () => {} }, clock);
  const ssrcs: number[] = [];
  const send = (packet: Uint8Array) => {
    const type = packet[1]!;
    if (type < 192 || type > 223) ssrcs.push(Buffer.from(packet).readUInt32BE(8));
  };
  const transport = {
    send,
    busy: () => false,
    onPacket: () => {},
    selectedPair: () => undefined,
    ask: () => {},
  };
  const session = new RtpSession({ local: keys(), remote: keys() }, transport, clock, systemRandom, shown);
  const local = { cname: 'camera', streamId: 'camera' };
  session.start(
    negotiate(parseOffer(OFFER), CAMERA).decisions.flatMap((decision) => {
      if (!decision.accepted || decision.kind === 'application') return [];
      const isVideo = decision.kind === 'video';
      const ssrc = isVideo ? 1 : 3;
      return [{ decision, local: { ...local, ssrc, rtxSsrc: ssrc + 1 }, stream: isVideo ? video : audio }];
    }),
  );
  const capture = () => {
    const captureTimeMs = clock.now();
    video.push({ codec: 'h264', data: Buffer.from([0, 0, 0, 1, 0x65, 1]), captureTimeMs, keyframe: true });
    audio.push({ codec: 'opus', data: Buffer.from([1]), captureTimeMs, keyframe: true });
    clock.advance(33);
    return ssrcs.splice(0).map((ssrc) => (ssrc === 1 ? 'picture' : 'sound'));
  };
  return { session, capture };
}

test('a viewer that pauses gets nothing, whatever its link lets through meanwhile', () => {
  const { session, capture } = connected();
  assert.deepEqual(capture(), ['picture', 'sound']);
  session.pause(true);
  for (const reach of ['audio', 'full'] as const) {
    session.setReach(reach);
    assert.deepEqual(capture(), []);
  }
  session.pause(false);
  assert.deepEqual(capture().toSorted(), ['picture', 'picture', 'sound'], 'the last one, and the live one');
  session.close();
});

test('a link that carries sound only gets sound, after a pause too', () => {
  const { session, capture } = connected();
  session.setReach('audio');
  assert.deepEqual(capture(), ['sound']);
  session.pause(true);
  session.pause(false);
  assert.deepEqual(capture(), ['sound']);
  session.setReach('full');
  assert.ok(capture().includes('picture'));
  session.close();
});
