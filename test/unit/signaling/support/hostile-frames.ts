import * as fc from 'fast-check';

const BASE64 = (text: string) => Buffer.from(text).toString('base64');
const TYPES = [
  'SDP_OFFER',
  'SDP_ANSWER',
  'ICE_CANDIDATE',
  'GO_AWAY',
  'RECONNECT_ICE_SERVER',
  'STATUS_RESPONSE',
];

const clientId = fc.oneof(
  fc.constantFrom('viewer-1', '__proto__', 'constructor', '', 'x'.repeat(256), 'x'.repeat(257), 'a b', 'é'),
  fc.string(),
  fc.anything(),
);
const payloadObject = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('offer', 'answer', 'OFFER', 1),
      sdp: fc.oneof(fc.constant('v=0\r\n'), fc.string(), fc.anything()),
      candidate: fc.oneof(fc.constant('candidate:1 1 udp 1 10.0.0.1 9 typ host'), fc.string(), fc.anything()),
      sdpMid: fc.oneof(fc.constantFrom('0', null), fc.anything()),
      sdpMLineIndex: fc.oneof(fc.nat(300), fc.anything()),
      ['__proto__']: fc.anything(),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);
const payload = fc.oneof(
  payloadObject.map((value) => BASE64(json(value))),
  fc.base64String(),
  fc.string().map(BASE64),
  fc.string(),
  fc.anything(),
);
const envelope = fc.record(
  {
    messageType: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...TYPES) }, fc.string(), fc.anything()),
    MessageType: fc.constantFrom(...TYPES),
    senderClientId: clientId,
    messagePayload: payload,
    MessagePayload: payload,
    statusResponse: fc.oneof(
      fc.record({ correlationId: fc.string(), statusCode: fc.anything(), success: fc.anything() }),
      fc.anything(),
    ),
    ['__proto__']: fc.anything(),
  },
  { requiredKeys: [] },
);

/** Frames as nobody should send them: broken JSON, wrong base64, unknown types, hostile ids, wrong shapes. */
export const hostileFrame: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: envelope.map(json) },
  { weight: 2, arbitrary: fc.tuple(envelope.map(json), fc.nat(), fc.string({ maxLength: 3 })).map(splice) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

/** JSON, or something else where the value has none (cycles, bigints, throwing toJSON). */
function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '{"messageType":';
  }
}

function splice([text, at, inserted]: [string, number, string]): string {
  const position = at % (text.length + 1);
  return text.slice(0, position) + inserted + text.slice(position + inserted.length);
}
