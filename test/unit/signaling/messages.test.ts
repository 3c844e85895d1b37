import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  decode,
  encodeCandidate,
  encodeSdp,
  type Decoded,
  type SignalingMessage,
  type StatusResponse,
} from '../../../src/signaling/messages.ts';
import { hostileFrame } from './support/hostile-frames.ts';

const CANDIDATE = 'candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host';

function base64(payload: unknown): string {
  return Buffer.from(JSON.stringify(payload)).toString('base64');
}

function frame(envelope: object): string {
  return JSON.stringify(envelope);
}

function message(decoded: Decoded): SignalingMessage {
  assert.ok('message' in decoded, JSON.stringify(decoded));
  return decoded.message;
}

function fault(decoded: Decoded): string {
  assert.ok('fault' in decoded, JSON.stringify(decoded));
  return decoded.fault;
}

function offer(changes: object): Decoded {
  return decode(
    frame({
      messageType: 'SDP_OFFER',
      senderClientId: 'viewer-1',
      messagePayload: base64({ type: 'offer', sdp: 'v=0\r\n' }),
      ...changes,
    }),
  );
}

function status(statusResponse: object): StatusResponse {
  const decoded = message(decode(frame({ messageType: 'STATUS_RESPONSE', statusResponse })));
  assert.ok(decoded.type === 'STATUS_RESPONSE');
  return decoded.status;
}

test('an offer and a candidate arrive as they were sent', () => {
  assert.deepEqual(message(offer({})), { type: 'SDP_OFFER', clientId: 'viewer-1', sdp: 'v=0\r\n' });
  const payload = { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd' };
  const sent = frame({
    messageType: 'ICE_CANDIDATE',
    senderClientId: 'viewer-1',
    messagePayload: base64(payload),
  });
  const expected = { type: 'ICE_CANDIDATE', clientId: 'viewer-1', candidate: payload };
  assert.deepEqual(message(decode(sent)), expected);
  assert.deepEqual(message(decode(Buffer.from(sent))), expected);
});

test('the Android SDK’s URL-safe base64 without padding is understood', () => {
  const sdp = 'v=0\r\ns=ÿ?>~\r\n';
  for (const padding of ['', ' ', '  ']) {
    const payload = Buffer.from(JSON.stringify({ type: 'offer', sdp }) + padding).toString('base64url');
    assert.deepEqual(message(offer({ messagePayload: payload })), {
      type: 'SDP_OFFER',
      clientId: 'viewer-1',
      sdp,
    });
  }
});

test('capitalised keys are understood', () => {
  const decoded = decode(
    frame({
      MessageType: 'ICE_CANDIDATE',
      SenderClientId: 'v',
      MessagePayload: base64({ Candidate: CANDIDATE, SdpMid: '1' }),
    }),
  );
  assert.deepEqual(message(decoded), {
    type: 'ICE_CANDIDATE',
    clientId: 'v',
    candidate: { candidate: CANDIDATE, sdpMid: '1' },
  });
});

test('frames of a storage session name no sender, its candidates no media line', () => {
  assert.deepEqual(message(offer({ senderClientId: undefined })), {
    type: 'SDP_OFFER',
    clientId: '',
    sdp: 'v=0\r\n',
  });
  const sent = frame({
    messageType: 'ICE_CANDIDATE',
    messagePayload: base64({ candidate: CANDIDATE, sdpMid: null, sdpMLineIndex: null }),
  });
  assert.deepEqual(message(decode(sent)), {
    type: 'ICE_CANDIDATE',
    clientId: '',
    candidate: { candidate: CANDIDATE },
  });
});

test('events of the service need no payload', () => {
  for (const messageType of ['GO_AWAY', 'RECONNECT_ICE_SERVER'] as const) {
    assert.deepEqual(message(decode(frame({ messageType, messagePayload: '' }))), { type: messageType });
  }
});

test('a status response tells success by its code where it does not say', () => {
  assert.equal(status({ correlationId: 'c', statusCode: '200' }).success, true);
  assert.equal(status({ correlationId: 'c', statusCode: 404 }).success, false);
  assert.deepEqual(
    status({
      correlationId: 'c',
      success: false,
      statusCode: '404',
      errorType: 'ResourceNotFoundException',
      description: 'gone',
    }),
    {
      correlationId: 'c',
      success: false,
      statusCode: '404',
      errorType: 'ResourceNotFoundException',
      description: 'gone',
    },
  );
});

test('client ids named like members of Object are ordinary', () => {
  for (const senderClientId of ['__proto__', 'constructor', 'toString']) {
    const decoded = message(offer({ senderClientId }));
    assert.ok(decoded.type === 'SDP_OFFER');
    assert.equal(decoded.clientId, senderClientId);
  }
  const decoded = decode('{"__proto__":{"messageType":"GO_AWAY"},"messageType":"SDP_OFFER"}');
  assert.equal(fault(decoded), 'bad-base64');
});

test('every wrong frame has its fault', () => {
  const cases: [string, Decoded][] = [
    ['not-json', decode('')],
    ['not-json', decode('{"messageType":')],
    ['not-json', decode('[]')],
    ['not-json', decode('null')],
    ['unknown-type', decode('{}')],
    ['unknown-type', offer({ messageType: 'sdp_offer' })],
    ['unknown-type', offer({ messageType: ['SDP_OFFER'] })],
    ['bad-client-id', offer({ senderClientId: 'a b' })],
    ['bad-client-id', offer({ senderClientId: 'x'.repeat(257) })],
    ['bad-client-id', offer({ senderClientId: 7 })],
    ['bad-base64', offer({ messagePayload: '' })],
    ['bad-base64', offer({ messagePayload: 'e30*' })],
    ['bad-base64', offer({ messagePayload: 'e30=e30=' })],
    ['bad-base64', offer({ messagePayload: 'e30==' })],
    ['bad-base64', offer({ messagePayload: 'e3\n0=' })],
    ['bad-base64', offer({ messagePayload: 'e30+_w==' })],
    ['bad-base64', offer({ messagePayload: { sdp: 'v=0' } })],
    ['bad-payload', offer({ messagePayload: base64('v=0') })],
    ['bad-payload', offer({ messagePayload: base64({ type: 'offer' }) })],
    ['bad-payload', offer({ messagePayload: base64({ type: 'answer', sdp: 'v=0' }) })],
    ['bad-payload', offer({ messagePayload: base64({ sdp: ['v=0'] }) })],
    ['bad-payload', offer({ messageType: 'ICE_CANDIDATE' })],
    ['bad-payload', offer({ messageType: 'STATUS_RESPONSE' })],
    [
      'bad-payload',
      offer({ messageType: 'ICE_CANDIDATE', messagePayload: base64({ candidate: 'c'.repeat(3000) }) }),
    ],
    [
      'bad-payload',
      offer({
        messageType: 'ICE_CANDIDATE',
        messagePayload: base64({ candidate: CANDIDATE, sdpMLineIndex: -1 }),
      }),
    ],
    ['too-large', offer({ messagePayload: 'A'.repeat(100_000) })],
  ];
  for (const [expected, decoded] of cases) assert.equal(fault(decoded), expected);
});

test('50,000 hostile frames are messages or faults, never an exception', () => {
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(hostileFrame, (text) => {
      const decoded = decode(text);
      outcomes.add('fault' in decoded ? decoded.fault : decoded.message.type);
    }),
    { numRuns: 50_000 },
  );
  // The frames reach every branch.
  for (const outcome of ['not-json', 'unknown-type', 'bad-client-id', 'bad-base64', 'bad-payload']) {
    assert.ok(outcomes.has(outcome), outcome);
  }
  for (const outcome of ['SDP_OFFER', 'ICE_CANDIDATE', 'GO_AWAY', 'STATUS_RESPONSE']) {
    assert.ok(outcomes.has(outcome), outcome);
  }
});

test('what is encoded has the documented shape and is decoded by the other side', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 500 });
  const id = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,256}$/);
  fc.assert(
    fc.property(text, id, id, (sdp, recipientClientId, correlationId) => {
      const sent: unknown = JSON.parse(encodeSdp('SDP_ANSWER', recipientClientId, sdp, correlationId));
      assert.deepEqual(sent, {
        action: 'SDP_ANSWER',
        messagePayload: base64({ type: 'answer', sdp }),
        recipientClientId,
        correlationId,
      });
      const relayed = { messageType: 'SDP_ANSWER', messagePayload: base64({ type: 'answer', sdp }) };
      assert.deepEqual(message(decode(frame(relayed))), { type: 'SDP_ANSWER', clientId: '', sdp });
    }),
  );
  const candidate = { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 };
  assert.deepEqual(JSON.parse(encodeCandidate('', candidate)), {
    action: 'ICE_CANDIDATE',
    messagePayload: base64(candidate),
  });
});
