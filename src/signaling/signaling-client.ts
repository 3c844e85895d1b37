import type { Clock, Timer } from '../runtime/clock.ts';
import type { ClockSkew } from './clock-skew.ts';
import { decode, type SignalingFault, type SignalingMessage } from './messages.ts';
import { clockHint, ServiceError, type ServiceRefusal } from './service-error.ts';
import { readRefusal, type OpenSocket } from './web-socket.ts';

/** What a session tells. All synchronous. */
export interface SessionEvents {
  onOpen(): void;
  onMessage(message: SignalingMessage): void;
  /** A frame was dropped. */
  onFault(fault: SignalingFault): void;
}

export interface SignalingClientOptions {
  /** Presigned: a credential. */
  url: string;
  openSocket: OpenSocket;
  skew: ClockSkew;
  clock: Clock;
  pingIntervalMs: number;
}

/** The session was open and ended. */
export class SessionClosedError extends Error {
  override readonly name = 'SessionClosedError';
  /** WebSocket close code; 1006 where the connection broke without one (RFC 6455 section 7.4). */
  readonly code: number;

  constructor(code: number, why: string) {
    super(`the signaling connection was closed: ${why}`);
    this.code = code;
  }
}

const NORMAL_CLOSURE = 1000;
export const ABNORMAL_CLOSURE = 1006;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** A ping unanswered for a whole interval: the peer is dead. */
const DEAD_AFTER_INTERVALS = 1.5;

/** One WebSocket session with the signaling service, from connect to close. Used once. */
export class SignalingClient {
  readonly #options: SignalingClientOptions;
  readonly #events: SessionEvents;
  #socket: ReturnType<OpenSocket> | undefined;
  #wasOpen = false;
  #lastHeardMs = 0;

  constructor(options: SignalingClientOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined && this.#socket.readyState === this.#socket.OPEN;
  }

  /** False: the session is not open. */
  send(frame: string): boolean {
    if (!this.isOpen) return false;
    // A send that fails ends the session through its socket's own error.
    this.#socket?.send(frame, () => undefined);
    return true;
  }

  /**
   * Resolves once closed after `signal` aborted. Rejects with a ServiceError when the session could not be opened,
   * with a SessionClosedError when it ended.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { clock, pingIntervalMs, openSocket, url } = this.#options;
    const socket = openSocket(url);
    this.#socket = socket;
    const ended = Promise.withResolvers<void>();
    let failure: Error | undefined;
    const fail = (error: Error) => {
      failure ??= error;
      socket.terminate();
    };
    this.#listen(socket, fail);
    socket.on('close', (code, reason) => {
      if (signal.aborted) ended.resolve();
      else ended.reject(failure ?? new SessionClosedError(code, `code ${code} ${reason.toString()}`.trim()));
    });
    const timers: Timer[] = [
      clock.after(HANDSHAKE_TIMEOUT_MS, () => {
        if (!this.#wasOpen) fail(this.#refused({}, new Error(`no answer within ${HANDSHAKE_TIMEOUT_MS} ms`)));
      }),
      clock.every(pingIntervalMs, () => this.#ping(socket, fail)),
    ];
    const close = () => {
      socket.close(NORMAL_CLOSURE);
      timers.push(clock.after(CLOSE_TIMEOUT_MS, () => socket.terminate()));
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      await ended.promise;
    } finally {
      signal.removeEventListener('abort', close);
      for (const timer of timers) timer.cancel();
    }
  }

  #listen(socket: ReturnType<OpenSocket>, fail: (error: Error) => void): void {
    const { clock, skew } = this.#options;
    const heard = () => {
      this.#lastHeardMs = clock.monotonic();
    };
    socket
      .on('upgrade', (response) => skew.learn(response.headers.date))
      .on('unexpected-response', (_request, response) => {
        skew.learn(response.headers.date);
        void readRefusal(response).then((refusal) => fail(this.#refused(refusal)));
      })
      .on('error', (error) => {
        fail(
          this.#wasOpen ? new SessionClosedError(ABNORMAL_CLOSURE, error.message) : this.#refused({}, error),
        );
      })
      .on('open', () => {
        heard();
        this.#wasOpen = true;
        this.#events.onOpen();
      })
      .on('pong', heard)
      .on('ping', heard)
      .on('message', (data) => {
        heard();
        // A WebSocket of the default binaryType delivers Buffers.
        if (Buffer.isBuffer(data)) this.#receive(data);
      });
  }

  #receive(frame: Buffer): void {
    const decoded = decode(frame);
    if ('fault' in decoded) this.#events.onFault(decoded.fault);
    else this.#events.onMessage(decoded.message);
  }

  #ping(socket: ReturnType<OpenSocket>, fail: (error: Error) => void): void {
    if (!this.isOpen) return;
    const { clock, pingIntervalMs } = this.#options;
    const silentMs = clock.monotonic() - this.#lastHeardMs;
    if (silentMs > DEAD_AFTER_INTERVALS * pingIntervalMs) {
      fail(new SessionClosedError(ABNORMAL_CLOSURE, `nothing heard for ${Math.round(silentMs)} ms`));
    } else {
      socket.ping();
    }
  }

  #refused(refusal: ServiceRefusal, cause?: Error): ServiceError {
    const { clock, skew, url } = this.#options;
    // The host alone: the rest of the URL is a credential.
    const what = `ConnectAsMaster at ${new URL(url).host}`;
    return new ServiceError(what, refusal, clockHint(clock.now(), skew.offsetMs, cause), cause);
  }
}
