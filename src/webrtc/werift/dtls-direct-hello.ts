import type { DtlsServer } from 'werift';

/** RFC 5246 section 7.4.1.2: version and random come before the session id, which has its length in front. */
const SESSION_ID_AT = 34;

type Handshakes = Parameters<DtlsServer['onHandleHandshakes']>[0];
type Handshake = Handshakes[number];

/**
 * Lets a server answer the first ClientHello at once, without HelloVerifyRequest (RFC 6347 section 4.2.1 leaves it to the server): ICE
 * has proven already that the client receives at its address, and the exchange costs a round trip. werift knows only the long way, so
 * it is led along it: its HelloVerifyRequest is swallowed, and the hello comes back with the cookie that werift wants to see, but
 * counts in the transcript as it came. Where werift's parts are not as they were, nothing is changed and the long way is taken.
 * @param mute Called with what sends the HelloVerifyRequest.
 */
export function answerFirstHello(socket: DtlsServer, mute: (send: () => void) => void): void {
  const { dtls } = socket;
  if (dtls.flight !== 0 || dtls.cookie !== undefined || !Object.hasOwn(dtls, 'sequenceNumber')) return;
  const handle = socket.onHandleHandshakes;
  socket.onHandleHandshakes = async (handshakes) => {
    socket.onHandleHandshakes = handle;
    const [hello] = handshakes;
    let prepared: Promise<void> = Promise.resolve();
    mute(() => {
      prepared = handle(handshakes);
    });
    await prepared;
    if (!hello || !dtls.cookie) return;
    beginAtZero(dtls);
    await handle([withCookie(hello, dtls.cookie)]);
  };
}

/** werift counts its HelloVerifyRequest, which was never sent, when it numbers what follows. */
function beginAtZero(dtls: DtlsServer['dtls']): void {
  let next = 0;
  Object.defineProperty(dtls, 'sequenceNumber', {
    configurable: true,
    get: () => next,
    set: () => {
      // The first assignment: from here on an ordinary number again.
      next = 0;
      Object.defineProperty(dtls, 'sequenceNumber', { value: 0, writable: true, configurable: true });
    },
  });
}

function withCookie(hello: Handshake, cookie: Buffer): Handshake {
  const { fragment } = hello;
  const cookieAt = SESSION_ID_AT + 1 + fragment.readUInt8(SESSION_ID_AT);
  const changed = Buffer.concat([
    fragment.subarray(0, cookieAt),
    Buffer.from([cookie.length]),
    cookie,
    fragment.subarray(cookieAt + 1),
  ]);
  const original = hello.serialize();
  const shown: Handshake = Object.create(hello);
  return Object.defineProperties(shown, {
    fragment: { value: changed },
    serialize: { value: () => original },
  });
}
