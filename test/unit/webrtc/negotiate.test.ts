import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { buildAnswer } from '../../../src/webrtc/answer.ts';
import { negotiate, refuse, type Capabilities, type Negotiation } from '../../../src/webrtc/negotiate.ts';
import { parseOffer } from '../../../src/webrtc/sdp.ts';
import { checkHostileOffers } from './support/hostile-offers.ts';

const chrome = readFileSync(path.join(import.meta.dirname, 'fixtures', 'chrome-156.sdp'), 'utf8');
const origin = { sessionId: 7, version: 2 };
const capabilities: Capabilities = {
  video: 'h264',
  h264ProfileLevelId: '42e01f',
  audio: 'opus',
  dataChannel: true,
  talk: false,
  twcc: true,
};

function accepted(negotiation: Negotiation, kind: string) {
  const decision = negotiation.decisions.find((candidate) => candidate.kind === kind);
  assert.ok(decision?.accepted, `${kind} should be accepted`);
  return decision;
}

test("Chrome's offer: constrained baseline H.264 with RTX, Opus, one transport", () => {
  const negotiation = negotiate(parseOffer(chrome), capabilities);
  assert.ok(negotiation.ok);
  const video = accepted(negotiation, 'video');
  assert.ok(video.kind === 'video');
  assert.equal(video.payloadType, 108);
  assert.equal(video.rtx, 109);
  assert.equal(video.midExtension, 4);
  assert.equal(video.transportCcExtension, 3);
  assert.deepEqual(video.feedback, ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc']);
  const audio = accepted(negotiation, 'audio');
  assert.ok(audio.kind === 'audio');
  assert.equal(audio.payloadType, 111);
  assert.equal(negotiation.transport.ice.usernameFragment.length, 4);
  assert.equal(negotiation.transport.setup, 'actpass');
});

test('transport-cc is negotiated only where twcc is enabled', () => {
  const video = accepted(negotiate(parseOffer(chrome), { ...capabilities, twcc: false }), 'video');
  assert.ok(video.kind === 'video');
  assert.equal(video.transportCcExtension, undefined);
  assert.ok(!video.feedback.includes('transport-cc'));
});

test('a section that cannot be served is rejected with its reason and the others go on', () => {
  const negotiation = negotiate(parseOffer(chrome), { ...capabilities, video: 'h265', dataChannel: false });
  assert.ok(negotiation.ok);
  const reasons = negotiation.decisions.flatMap((decision) => (decision.accepted ? [] : [decision.reason]));
  assert.deepEqual(reasons, ['h265 is not offered', 'data channels are switched off (dataChannel.enabled)']);
  const answer = buildAnswer(parseOffer(chrome), negotiation.decisions, undefined, new Map(), origin);
  assert.match(answer, /m=video 0 /);
});

test('PCMU without an rtpmap is found by its static payload type', () => {
  const offer = parseOffer(chrome.replace('a=rtpmap:0 PCMU/8000\r\n', ''));
  const audio = accepted(negotiate(offer, { ...capabilities, audio: 'pcmu' }), 'audio');
  assert.ok(audio.kind === 'audio');
  assert.equal(audio.payloadType, 0);
});

test('an offer without ICE or fingerprint is refused, naming what is missing', () => {
  const withoutIce = negotiate(parseOffer(chrome.replace(/a=ice-pwd.*\r\n/g, '')), capabilities);
  assert.ok(!withoutIce.ok);
  assert.match(withoutIce.reason, /ICE/);
  const withoutFingerprint = negotiate(parseOffer(chrome.replace(/a=fingerprint.*\r\n/g, '')), capabilities);
  assert.ok(!withoutFingerprint.ok);
  assert.match(withoutFingerprint.reason, /fingerprint/);
});

test('without BUNDLE only the first section is served', () => {
  const negotiation = negotiate(parseOffer(chrome.replace(/a=group:BUNDLE.*\r\n/, '')), capabilities);
  assert.deepEqual(
    negotiation.decisions.map((decision) => decision.accepted),
    [true, false, false],
  );
});

test('the answer mirrors the sections in order and carries transport, tracks and candidates', () => {
  const offer = parseOffer(chrome);
  const negotiation = negotiate(offer, capabilities);
  const tracks = new Map(
    negotiation.decisions.map((decision, i) => [
      decision,
      { ssrc: 100 + i, rtxSsrc: 200 + i, cname: 'front', streamId: 'front' },
    ]),
  );
  const transport = {
    ice: { usernameFragment: 'uf', password: 'pw' },
    fingerprint: { algorithm: 'sha-256', value: 'AA:BB' },
    setup: 'passive' as const,
    candidates: ['candidate:1 1 udp 1 127.0.0.1 9 typ host'],
  };
  const sections = buildAnswer(offer, negotiation.decisions, transport, tracks, origin)
    .split('\r\nm=')
    .slice(1);
  assert.deepEqual(
    sections.map((section) => section.split(' ')[0]),
    ['audio', 'video', 'application'],
  );
  for (const section of sections) {
    assert.match(section, /a=ice-ufrag:uf\r\na=ice-pwd:pw/);
    assert.match(section, /a=setup:passive/);
    assert.match(section, /a=candidate:1 1 udp/);
  }
  assert.match(sections[0] ?? '', /a=rtpmap:111 opus\/48000\/2/);
  assert.match(sections[1] ?? '', /^video 9 UDP\/TLS\/RTP\/SAVPF 108 109\r\n/);
  assert.match(sections[1] ?? '', /a=ssrc-group:FID 101 201/);
  assert.match(sections[1] ?? '', /a=extmap:3 http:.*transport-wide-cc/);
  assert.match(sections[2] ?? '', /a=sctp-port:5000/);
});

test('a refusal answers every section with port 0', () => {
  const offer = parseOffer(chrome);
  const answer = buildAnswer(offer, refuse(offer, 'full').decisions, undefined, new Map(), origin);
  assert.deepEqual(
    [...answer.matchAll(/^m=\w+ (\d+)/gm)].map((match) => match[1]),
    ['0', '0', '0'],
  );
});

test('hostile offers are refused with SdpError or negotiated, never anything else', () => {
  checkHostileOffers(2_000);
});
