import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { answerProfiling, type ProfilingTimes } from '../../../src/metrics/kvs-profiling.ts';

const times: ProfilingTimes = {
  signaling: { startMs: 100, endMs: 190.4 },
  offerReceiptTime: 195,
  sendAnswerTime: 200,
  getIceServerConfig: { startMs: 196, endMs: 199 },
  connect: { startMs: 150, endMs: 190 },
  peerConnection: { startMs: 195, endMs: 250 },
  candidateGathering: { startMs: 196, endMs: 300 },
};

function answer(message: string, nowMs = 0): Record<string, unknown>[] {
  return answerProfiling(message, nowMs, () => times).map((text) => Object(JSON.parse(text)));
}

describe("AWS's test page", () => {
  test('measures latency: each answer bears the next timestamp of the master', () => {
    // As the page does: it fills in its own and sends back what it got.
    const opened = {
      content: 'Opened data channel by viewer',
      firstMessageFromViewerTs: '1000',
      firstMessageFromMasterTs: '',
      secondMessageFromViewerTs: '',
      secondMessageFromMasterTs: '',
      lastMessageFromViewerTs: '',
    };
    const [first] = answer(JSON.stringify(opened), 1010);
    const content = 'This message is from the KVS Master';
    assert.deepEqual(first, { ...opened, content, firstMessageFromMasterTs: '1010' });
    const [second] = answer(JSON.stringify({ ...first, secondMessageFromViewerTs: '1020' }), 1030);
    assert.deepEqual(second, {
      ...first,
      secondMessageFromViewerTs: '1020',
      secondMessageFromMasterTs: '1030',
    });

    const documents = answer(JSON.stringify({ ...second, lastMessageFromViewerTs: '1040' }), 1050);
    assert.deepEqual(documents, [
      {
        signalingStartTime: 100,
        signalingEndTime: 190,
        offerReceiptTime: 195,
        sendAnswerTime: 200,
        describeChannelStartTime: 0,
        describeChannelEndTime: 0,
        getSignalingChannelEndpointStartTime: 0,
        getSignalingChannelEndpointEndTime: 0,
        getIceServerConfigStartTime: 196,
        getIceServerConfigEndTime: 199,
        getTokenStartTime: 0,
        getTokenEndTime: 0,
        createChannelStartTime: 0,
        createChannelEndTime: 0,
        connectStartTime: 150,
        connectEndTime: 190,
      },
      { peerConnectionStartTime: 195, peerConnectionEndTime: 250 },
      { candidateGatheringStartTime: 196, candidateGatheringEndTime: 300 },
    ]);
  });

  test('other messages have no answer, whatever they are', () => {
    for (const message of [
      'hello',
      '{}',
      'null',
      '{"content":"x"}',
      '"firstMessageFromViewerTs"',
      '{"firstMessageFromViewerTs',
    ])
      assert.deepEqual(answer(message), [], message);
    fc.assert(fc.property(fc.string(), (message) => assert.deepEqual(answer(message), [])));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const [text = '{}'] = answerProfiling(
          JSON.stringify({ firstMessageFromViewerTs: value }),
          1,
          () => times,
        );
        assert.equal(Object.keys(Object(JSON.parse(text))).length, 6);
        assert.ok(text.length < 400);
      }),
    );
  });
});
