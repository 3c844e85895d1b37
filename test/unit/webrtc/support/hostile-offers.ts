import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { buildAnswer, type LocalTrack } from '../../../../src/webrtc/answer.ts';
import { negotiate, type Capabilities, type MediaDecision } from '../../../../src/webrtc/negotiate.ts';
import { parseOffer, SdpError } from '../../../../src/webrtc/sdp.ts';

const FIXTURES = path.join(import.meta.dirname, '..', 'fixtures');
const OFFERS = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.sdp'))
  .map((name) => readFileSync(path.join(FIXTURES, name), 'utf8').split('\r\n'));
const LINES = [...new Set(OFFERS.flat())];
/** Of the processor's time: a single negotiation that takes more can be used to stop the agent. */
const MAX_CPU_MS = 250;

const capabilities: Capabilities = {
  video: 'h264',
  h264ProfileLevelId: '42e01f',
  audio: 'opus',
  dataChannel: true,
  talk: false,
  twcc: true,
};

/** Numbers where numbers belong, and where they do not: limits, negatives, nonsense. */
const number = fc.oneof(
  fc.constantFrom('0', '-1', '65535', '65536', '4294967296', '9'.repeat(40), '1e9', 'NaN', '', ' '),
  fc.nat(200).map(String),
);
const word = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom('__proto__', 'constructor', '*', '\0', 'a'.repeat(2_000)),
);

/** Lines made after the grammar, with any value in any place. */
const madeLine = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('audio', 'video', 'application', 'text', ''),
      number,
      word,
      fc.array(number, { maxLength: 40 }),
    )
    .map(([kind, port, protocol, formats]) => `m=${kind} ${port} ${protocol} ${formats.join(' ')}`),
  fc
    .tuple(number, word, number, number)
    .map(([pt, name, rate, channels]) => `a=rtpmap:${pt} ${name}/${rate}/${channels}`),
  fc
    .tuple(number, word, word)
    .map(([pt, key, value]) => `a=fmtp:${pt} ${key}=${value};apt=${pt};packetization-mode=1`),
  fc.tuple(number, word).map(([pt, value]) => `a=rtcp-fb:${pt} ${value}`),
  fc.tuple(number, word).map(([id, uri]) => `a=extmap:${id} ${uri}`),
  fc.array(word, { maxLength: 50 }).map((mids) => `a=group:BUNDLE ${mids.join(' ')}`),
  fc
    .tuple(
      fc.constantFrom(
        'mid',
        'ice-ufrag',
        'ice-pwd',
        'fingerprint',
        'setup',
        'candidate',
        'msid',
        'ssrc',
        'ice-options',
      ),
      word,
    )
    .map(([key, value]) => `a=${key}:${value}`),
  fc.constantFrom(
    'a=sendonly',
    'a=inactive',
    'a=ice-lite',
    'a=rtcp-mux',
    'a=',
    'a',
    '',
    'o=',
    'v=0',
    'm=',
    'm=video',
  ),
);

type Edit = [index: number, what: 'replace' | 'insert' | 'delete' | 'double' | 'cut', line: string];

const edits = fc.array(
  fc.tuple(
    fc.nat(250),
    fc.constantFrom<Edit[1]>('replace', 'insert', 'delete', 'double', 'cut'),
    fc.oneof(madeLine, fc.constantFrom(...LINES), fc.string({ maxLength: 60 })),
  ),
  { maxLength: 25 },
);

function apply(lines: readonly string[], changes: readonly Edit[]): string[] {
  const copy = [...lines];
  for (const [index, what, line] of changes) {
    const at = index % Math.max(1, copy.length);
    if (what === 'insert') copy.splice(at, 0, line);
    else if (what === 'delete') copy.splice(at, 1 + (index % 5));
    else if (what === 'double') copy.splice(at, 0, ...copy.slice(at, at + (index % 40)));
    else if (what === 'cut') copy[at] = (copy[at] ?? '').slice(0, index % 20);
    else copy[at] = line;
  }
  return copy;
}

const hostileOffer = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(...OFFERS), edits)
      .map(([lines, changes]) => apply(lines, changes).join('\r\n')),
  },
  {
    weight: 2,
    arbitrary: fc.array(madeLine, { maxLength: 200 }).map((lines) => ['v=0', ...lines].join('\r\n')),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 3_000 }) },
);

/** Offers from nobody friendly: each is refused with SdpError, or negotiated and answered with as many sections, in no time. */
export function checkHostileOffers(runs: number): void {
  fc.assert(
    fc.property(hostileOffer, (sdp) => {
      const before = process.threadCpuUsage();
      try {
        const offer = parseOffer(sdp);
        const { decisions } = negotiate(offer, capabilities);
        const track: LocalTrack = { ssrc: 1, rtxSsrc: 2, cname: 'front', streamId: 'front' };
        const tracks = new Map(decisions.map((decision: MediaDecision) => [decision, track] as const));
        const transport = {
          ice: { usernameFragment: 'frag', password: 'password' },
          fingerprint: { algorithm: 'sha-256', value: 'AA' },
          setup: 'passive' as const,
          candidates: [],
        };
        const answer = buildAnswer(offer, decisions, transport, tracks, { sessionId: 1, version: 2 });
        assert.equal(answer.match(/^m=/gm)?.length, offer.media.length);
      } catch (error) {
        assert.ok(error instanceof SdpError, String(error));
      }
      const { user, system } = process.threadCpuUsage(before);
      assert.ok(user + system < MAX_CPU_MS * 1_000);
    }),
    { numRuns: runs },
  );
}
