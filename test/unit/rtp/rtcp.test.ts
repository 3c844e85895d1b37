import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildGoodbye,
  buildReceiverReport,
  buildSenderReport,
  compactNtpTime,
  ntpTime,
} from '../../../src/rtp/rtcp-build.ts';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import { NOT_RECEIVED, type ReportBlock, type RtcpHandler } from '../../../src/rtp/rtcp-types.ts';

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** Everything that is handed over, one text an event. */
function read(packet: Buffer): { valid: boolean; events: string[] } {
  const events: string[] = [];
  const handler: RtcpHandler = {
    onSenderReport: (ssrc, ntp, rtp) => events.push(`SR ${ssrc} ${ntp.toString(16)} ${rtp}`),
    onReportBlock: (ssrc, block) => events.push(`block from ${ssrc}: ${JSON.stringify(block)}`),
    onGoodbye: (ssrc) => events.push(`BYE ${ssrc}`),
    onNack: (ssrc, id, after) => events.push(`NACK ${ssrc} ${id} ${after.toString(2)}`),
    onPictureLoss: (ssrc) => events.push(`PLI ${ssrc}`),
    onFullIntraRequest: (ssrc, sequence) => events.push(`FIR ${ssrc} ${sequence}`),
    onReceiverEstimate: (bps) => events.push(`REMB ${bps}`),
    onTransportFeedback: (f) =>
      events.push(
        `TWCC ${f.senderSsrc} ${f.mediaSsrc} base ${f.baseSequence} time ${f.referenceTime} #${f.feedbackCount}: ` +
          Array.from(f.arrivals.subarray(0, f.count), (a) => (a === NOT_RECEIVED ? '-' : a)).join(' '),
      ),
  };
  return { valid: parseRtcp(packet, handler), events };
}

const BLOCK: ReportBlock = {
  ssrc: 0xdecafbad,
  fractionLost: 51,
  cumulativeLost: -2,
  highestSequence: 0x1_0003,
  jitter: 77,
  lastSenderReport: 0x89abcdef,
  delaySinceLastSenderReport: 65_536,
};

test('NTP time: the seconds since 1900 and a true fraction', () => {
  assert.deepEqual(ntpTime(0), { seconds: 2_208_988_800, fraction: 0 });
  assert.deepEqual(ntpTime(1500), { seconds: 2_208_988_801, fraction: 0x8000_0000 });
  const { fraction } = ntpTime(1_700_000_000_999.9);
  assert.ok(fraction > 0.9998 * 2 ** 32 && fraction < 2 ** 32);
  assert.equal(compactNtpTime(1500), 0x7e81_8000 % 2 ** 32);
  // Era 1 starts in February 2036.
  assert.equal(ntpTime(2_085_978_496_000).seconds, 0);
});

test('what is built is read back', () => {
  const report = { ssrc: 7, wallClockMs: 1500, rtpTimestamp: 9, packets: 3, octets: 2 ** 32 + 5 };
  const sender = buildSenderReport(report, 'me');
  assert.deepEqual(read(sender), { valid: true, events: ['SR 7 83aa7e8180000000 9'] });
  assert.equal(sender.readUInt32BE(24), 5);
  assert.deepEqual(read(buildReceiverReport(8, [BLOCK, BLOCK], 'name')), {
    valid: true,
    events: Array.from({ length: 2 }, () => `block from 8: ${JSON.stringify(BLOCK)}`),
  });
  for (const cname of ['', 'a', 'ab', 'abc', 'abcd', 'abcde']) {
    assert.deepEqual(read(buildGoodbye([1, 2], cname)), { valid: true, events: ['BYE 1', 'BYE 2'] });
  }
});

test('NACK, PLI, FIR and REMB in one compound packet, unknown packets between them', () => {
  const packet = hex(`81cd0004 00000001 0000abcd 0005 8001 ffff 0000
    80cc0002 00000001 41424344
    81ce0002 00000001 0000abcd
    84ce0006 00000001 00000000 0000abcd 07000000 0000abce 08000000
    8fce0005 00000001 00000000 52454d42 01 0bffff 0000abcd`);
  assert.deepEqual(read(packet), {
    valid: true,
    events: [
      'NACK 43981 5 1000000000000001',
      'NACK 43981 65535 0',
      'PLI 43981',
      'FIR 43981 7',
      'FIR 43982 8',
      `REMB ${0x3_ffff * 4}`,
    ],
  });
});

test('transport-wide feedback: runs, one-bit and two-bit vectors, small, large and negative deltas', () => {
  const packet = hex(`8fcd0009 00000001 00000002 fff0 0019 fffffe 09
    2004 a001 d880
    01 02 03 04 05 06 07 fff0 0007 000000`);
  const lost = Array.from({ length: 12 }, () => '-').join(' ');
  assert.deepEqual(read(packet), {
    valid: true,
    events: [`TWCC 1 2 base 65520 time -2 #9: 1 3 6 10 15 ${lost} 21 28 12 - 19 - - -`],
  });
});

test('a malformed compound packet is refused as a whole', () => {
  const good = hex('81ce0002 00000001 0000abcd');
  for (const [name, packet] of Object.entries({
    empty: Buffer.alloc(0),
    'cut short': Buffer.concat([good, good.subarray(0, 8)]),
    'wrong version': Buffer.concat([good, hex('41ce0002 00000001 0000abcd')]),
    'length beyond the end': hex('81ce0003 00000001 0000abcd'),
    'padding beyond the packet': hex('a1ce0002 00000001 0000abcd'),
    'padding of nothing': hex('a1ce0002 00000001 00000000'),
  })) {
    assert.deepEqual(read(packet), { valid: false, events: [] }, name);
  }
});

test('a malformed packet in a sound compound is left out', () => {
  const pli = '81ce0002 00000001 0000abcd';
  for (const [name, broken] of Object.entries({
    'report blocks missing': '82c90001 00000001',
    'sender info missing': '80c80001 00000001',
    'BYE without its SSRCs': '82cb0001 00000001',
    'feedback without media SSRC': '81cd0001 00000001',
    'TWCC without chunks': '8fcd0004 00000001 00000002 0000 0005 000000 00',
    'TWCC without deltas': '8fcd0005 00000001 00000002 0000 0005 000000 00 2005 0102',
    'TWCC with too many packets': '8fcd0005 00000001 00000002 0000 ffff 000000 00 1fff 1fff',
  })) {
    assert.deepEqual(read(hex(broken + pli)), { valid: false, events: ['PLI 43981'] }, name);
  }
});
