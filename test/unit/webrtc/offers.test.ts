import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { buildAnswer, type LocalTrack } from '../../../src/webrtc/answer.ts';
import { negotiate, type AcceptedRtp, type Capabilities } from '../../../src/webrtc/negotiate.ts';
import { parseOffer } from '../../../src/webrtc/sdp.ts';

const capabilities: Capabilities = {
  video: 'h264',
  h264ProfileLevelId: '42e01f',
  audio: 'opus',
  dataChannel: true,
  talk: false,
  twcc: true,
};

interface Expected {
  /** Payload type, retransmission's, and header extension ids of mid and transport-wide congestion control. */
  video: [payloadType: number, rtx: number | undefined, mid: number | undefined, twcc: number | undefined];
  audio: number;
  feedback: string[];
  bundle: string;
  candidates: number;
}

/**
 * Chrome's offer is its own; the others are modelled on public samples: Firefox's and Safari's in bug reports, the KVS SDKs' for Android
 * and iOS (libwebrtc of their time; iOS with section names instead of numbers), GStreamer's webrtcbin as receiver with
 * bundle-policy=max-bundle, and the KVS C SDK's viewer sample. What is special in each is what is checked.
 */
const OFFERS: Record<string, Expected> = {
  // Fingerprint and ice-options for the whole session; payload types in another order than their descriptions.
  'firefox-128': {
    video: [126, 127, 3, 7],
    audio: 109,
    feedback: ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc'],
    bundle: '0 1',
    candidates: 0,
  },
  // High profile first: the camera's is constrained baseline.
  'safari-18': {
    video: [98, 99, 9, 4],
    audio: 111,
    feedback: ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc'],
    bundle: '0 1',
    candidates: 0,
  },
  // VP8 first; audio both ways; ice-options with renomination.
  'kvs-android': {
    video: [100, 101, 4, 3],
    audio: 111,
    feedback: ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc'],
    bundle: '0 1 2',
    candidates: 0,
  },
  // Not trickled: candidates inside; level 5.2; no mid extension.
  'kvs-ios': {
    video: [98, 99, undefined, 5],
    audio: 111,
    feedback: ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc'],
    bundle: 'audio video data',
    candidates: 2,
  },
  // The second section with port 0, as bundle-only has it; OPUS in capitals; no profile; long ICE names.
  'gstreamer-webrtcbin': {
    video: [96, undefined, undefined, undefined],
    audio: 97,
    feedback: ['nack pli'],
    bundle: 'video0 audio1',
    candidates: 0,
  },
  // No retransmission payload; the attributes of its own tracks.
  'kvs-c-sdk': {
    video: [125, undefined, undefined, undefined],
    audio: 111,
    feedback: ['nack', 'goog-remb', 'transport-cc'],
    bundle: '0 1 2',
    candidates: 0,
  },
};

function read(name: string): string {
  return readFileSync(path.join(import.meta.dirname, 'fixtures', `${name}.sdp`), 'utf8');
}

describe('offers of', () => {
  for (const [name, expected] of Object.entries(OFFERS))
    test(name, () => {
      const offer = parseOffer(read(name));
      const negotiation = negotiate(offer, capabilities);
      assert.ok(negotiation.ok);
      const { decisions, transport } = negotiation;
      assert.ok(
        decisions.every(({ accepted }) => accepted),
        'every section is served',
      );
      const rtp = decisions.filter((decision): decision is AcceptedRtp => 'payloadType' in decision);
      const video = rtp.find(({ kind }) => kind === 'video');
      const audio = rtp.find(({ kind }) => kind === 'audio');
      assert.ok(video && audio);
      const { payloadType, rtx, midExtension, transportCcExtension } = video;
      assert.deepEqual([payloadType, rtx, midExtension, transportCcExtension], expected.video);
      assert.deepEqual(video.feedback, expected.feedback);
      assert.equal(audio.payloadType, expected.audio);
      assert.ok(video.sending && audio.sending);
      assert.equal(transport.setup, 'actpass');
      assert.equal(transport.candidates.length, expected.candidates);
      assert.equal(transport.fingerprints[0]?.value.length, 95);
      assert.notEqual(offer.sessionId, '');

      const tracks = new Map<AcceptedRtp, LocalTrack>(
        rtp.map((decision, i) => [
          decision,
          { ssrc: 10 + i, rtxSsrc: 20 + i, cname: 'front', streamId: 'front' },
        ]),
      );
      const answer = buildAnswer(
        offer,
        decisions,
        {
          ice: { usernameFragment: 'frag', password: 'a'.repeat(24) },
          fingerprint: { algorithm: 'sha-256', value: 'AA' },
          setup: 'passive',
          candidates: [],
        },
        tracks,
        { sessionId: 1, version: 2 },
      );
      assert.match(answer, new RegExp(`^a=group:BUNDLE ${expected.bundle}\r$`, 'm'));
      assert.deepEqual(kinds(answer), kinds(read(name)));
      assert.doesNotMatch(answer, /^m=\w+ 0 /m);
      // An answer is read by the same rules as an offer.
      const answered = parseOffer(answer);
      assert.deepEqual(
        answered.media.map(({ mid }) => mid),
        offer.media.map(({ mid }) => mid),
      );
      const answeredVideo = answered.media.find(({ kind }) => kind === 'video');
      assert.equal(answeredVideo?.direction, 'sendonly');
      assert.equal(answeredVideo.rtpMaps.get(payloadType)?.name, 'H264');
    });
});

describe('variants', () => {
  const chrome = read('chrome-156');

  test('a viewer that insists on being DTLS server gets its way', () => {
    const negotiation = negotiate(
      parseOffer(chrome.replaceAll('a=setup:actpass', 'a=setup:passive')),
      capabilities,
    );
    assert.ok(negotiation.ok);
    assert.equal(negotiation.transport.setup, 'passive');
  });

  test('a lite peer is recognised', () => {
    const negotiation = negotiate(
      parseOffer(chrome.replace('t=0 0\r\n', 't=0 0\r\na=ice-lite\r\n')),
      capabilities,
    );
    assert.ok(negotiation.ok);
    assert.equal(negotiation.transport.iceLite, true);
  });

  test('what the viewer does not want keeps its place and is not sent', () => {
    const silent = chrome.replace('a=recvonly', 'a=inactive');
    const offer = parseOffer(silent);
    const negotiation = negotiate(offer, capabilities);
    assert.ok(negotiation.ok);
    const [audio] = negotiation.decisions;
    assert.ok(audio?.accepted && audio.kind === 'audio');
    assert.equal(audio.sending, false);
  });

  test('an offer that wants nothing is refused, with the reason', () => {
    const nothing = chrome.replaceAll('a=recvonly', 'a=inactive').replace(/m=application[\s\S]*$/, '');
    const negotiation = negotiate(parseOffer(nothing), capabilities);
    assert.ok(!negotiation.ok);
    assert.match(negotiation.reason, /not wanted/);
  });

  test('header extensions beyond one-byte ids are left out', () => {
    const negotiation = negotiate(parseOffer(chrome.replaceAll('a=extmap:4 ', 'a=extmap:15 ')), capabilities);
    assert.ok(negotiation.ok);
    const video = negotiation.decisions.find(({ kind }) => kind === 'video');
    assert.ok(video?.accepted && video.kind === 'video');
    assert.equal(video.midExtension, undefined);
  });

  test('sections outside the BUNDLE group are refused, the others served', () => {
    const negotiation = negotiate(
      parseOffer(chrome.replace('a=group:BUNDLE 0 1 2', 'a=group:BUNDLE 0 1')),
      capabilities,
    );
    assert.deepEqual(
      negotiation.decisions.map(({ accepted }) => accepted),
      [true, true, false],
    );
  });

  test('line feeds alone, and lines nobody knows', () => {
    const strange = chrome.replaceAll('\r\n', '\n').replace('t=0 0\n', 'b=AS:500\nt=0 0\na=x-unknown:1\n');
    assert.ok(negotiate(parseOffer(strange), capabilities).ok);
  });
});

/** The kinds of an SDP's media sections, in order. */
function kinds(sdp: string): (string | undefined)[] {
  return [...sdp.matchAll(/^m=(\w+) (\d+)/gm)].map((match) => match[1]);
}
