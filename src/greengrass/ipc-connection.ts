import { connect, type Socket } from 'node:net';
import type { JsonObject } from '../config/layers.ts';
import { within, type Clock } from '../runtime/clock.ts';
import { encodeMessage, MessageReader, type EventStreamMessage, type HeaderValue } from './event-stream.ts';
import { getConfiguration } from './get-configuration.ts';
import { IpcError, parsePayload } from './ipc-error.ts';

/** How a component reaches its nucleus. */
export interface IpcAddress {
  socketPath: string;
  /** SVCUID; secret. */
  token: string;
}

/** Classic is the Java nucleus, lite the C one; they allow and answer different things. */
export type NucleusKind = 'classic' | 'lite';

/** The nucleus does not know our token (any more): only the nucleus can help, by starting us with a new one. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

/** The nucleus closed instead of answering: lite's way to refuse a token, or it is just ending. */
export class ClosedUnansweredError extends Error {
  override readonly name = 'ClosedUnansweredError';
}

/** Lite would end the connection over it. */
export class FrameTooLargeError extends Error {
  override readonly name = 'FrameTooLargeError';
}

interface Stream {
  id: number;
  operation: string;
  answer: PromiseWithResolvers<JsonObject>;
  isAnswered: boolean;
  /** Subscriptions only. */
  onEvent?: (event: JsonObject) => void;
}

/** event_stream_rpc.h of https://github.com/awslabs/aws-c-event-stream */
const MESSAGE = { application: 0, error: 1, ping: 2, pong: 3, connect: 4, connectAck: 5 };
const FLAG = { none: 0, connectionAccepted: 1, terminateStream: 2 };
const PROTOCOL_VERSION = '0.1.0';
const LITE_FRAME_BYTES = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A nucleus that works answers in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/**
 * One authenticated connection to the nucleus: Greengrass's RPC over event stream messages on a unix socket. The AWS
 * SDK has a client too, in native code: it ends the whole process (abort or segmentation fault, aws-crt 1.33.1) when
 * the nucleus goes away while it connects or while a request waits, and loads 25 MB.
 */
export class IpcConnection {
  /** Resolves with the reason when the connection is gone; never rejects. */
  readonly lost: Promise<Error>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #resolveLost: (reason: Error) => void;
  readonly #acknowledged = Promise.withResolvers<EventStreamMessage>();
  readonly #streams = new Map<number, Stream>();
  #lastStreamId = 0;
  #lostReason: Error | undefined;
  #phase: 'connecting' | 'connected' | 'acknowledged' = 'connecting';
  #nucleus: NucleusKind = 'classic';

  private constructor(socket: Socket, clock: Clock) {
    const lost = Promise.withResolvers<Error>();
    this.lost = lost.promise;
    this.#resolveLost = lost.resolve;
    this.#socket = socket;
    this.#clock = clock;
    // Nobody waits for it once the connection is made.
    this.#acknowledged.promise.catch(() => {});
    const reader = new MessageReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#receive(message);
      } catch (cause) {
        this.#lose(new Error('the nucleus sends nonsense', { cause }));
      }
    });
    socket.on('error', (cause) => this.#lose(this.#reasonFor(cause)));
    socket.once('close', () => this.#lose(this.#reasonFor(undefined)));
    socket.once('connect', () => (this.#phase = 'connected'));
  }

  /**
   * Connects and finds out who is there. Rejects with `TokenRefusedError` or `ClosedUnansweredError`, with another
   * Error where nobody listens or answers, and when `signal` aborts.
   */
  static async open(
    { socketPath, token }: IpcAddress,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<IpcConnection> {
    signal.throwIfAborted();
    const connection = new IpcConnection(connect(socketPath), clock);
    const stop = () => connection.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const made = connection.#handshake(token);
      await within(clock, CONNECT_TIMEOUT_MS, `no answer from the nucleus at ${socketPath}`, made);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  get nucleus(): NucleusKind {
    return this.#nucleus;
  }

  /** One operation. Rejects with an `IpcError` where the nucleus refuses, and where no answer comes in 10 s. */
  async call(operation: string, request: JsonObject): Promise<JsonObject> {
    const stream = this.#begin(operation, request);
    try {
      return await this.#answer(stream);
    } finally {
      this.#end(stream);
    }
  }

  /**
   * Resolves, to its undoing, when the nucleus has agreed; rejects as `call`. A subscription that the nucleus ends
   * by itself ends the connection: nobody would be told of its events.
   */
  async subscribe(
    operation: string,
    request: JsonObject,
    onEvent: (event: JsonObject) => void,
  ): Promise<() => void> {
    const stream = this.#begin(operation, request, onEvent);
    try {
      await this.#answer(stream);
    } catch (error) {
      this.#end(stream);
      throw error;
    }
    return () => this.#end(stream);
  }

  /** Idempotent. */
  close(): void {
    this.#lose(new Error('the connection to the nucleus was closed'));
  }

  async #handshake(token: string): Promise<void> {
    const payload = Buffer.from(JSON.stringify({ authToken: token }));
    this.#send(0, MESSAGE.connect, FLAG.none, payload, [':version', PROTOCOL_VERSION]);
    const { headers } = await this.#acknowledged.promise;
    if (headers.get(':message-type') !== MESSAGE.connectAck || !hasFlag(headers, FLAG.connectionAccepted)) {
      throw new TokenRefusedError('the nucleus does not know this process (SVCUID): was it restarted?');
    }
    this.#phase = 'acknowledged';
    // Only lite has a configuration of this name.
    const lite = await getConfiguration(this, 'aws.greengrass.NucleusLite');
    this.#nucleus = lite ? 'lite' : 'classic';
  }

  #begin(operation: string, request: JsonObject, onEvent?: (event: JsonObject) => void): Stream {
    if (this.#lostReason) throw this.#lostReason;
    const id = ++this.#lastStreamId;
    const stream: Stream = { id, operation, answer: Promise.withResolvers(), isAnswered: false };
    if (onEvent) stream.onEvent = onEvent;
    const payload = Buffer.from(JSON.stringify(request));
    this.#send(id, MESSAGE.application, FLAG.none, payload, ['operation', `aws.greengrass#${operation}`]);
    this.#streams.set(id, stream);
    return stream;
  }

  #answer({ operation, answer }: Stream): Promise<JsonObject> {
    return within(
      this.#clock,
      ANSWER_TIMEOUT_MS,
      `no answer to ${operation} from the nucleus`,
      answer.promise,
    );
  }

  #end({ id }: Stream): void {
    if (this.#streams.delete(id)) this.#send(id, MESSAGE.application, FLAG.terminateStream, NOTHING);
  }

  #receive(message: EventStreamMessage): void {
    const { headers, payload } = message;
    const type = headers.get(':message-type');
    const stream = this.#streams.get(Number(headers.get(':stream-id')));
    if (type === MESSAGE.ping) return this.#send(0, MESSAGE.pong, FLAG.none, payload);
    if (type === MESSAGE.connectAck) return this.#acknowledged.resolve(message);
    if (type !== MESSAGE.application && type !== MESSAGE.error) {
      return this.#lose(
        new Error(`the nucleus reports a fault of the protocol (message type ${String(type)})`),
      );
    }
    // One that we have ended meanwhile.
    if (!stream) return;
    const isLast = hasFlag(headers, FLAG.terminateStream) || type === MESSAGE.error;
    if (isLast) this.#streams.delete(stream.id);
    const content = parsePayload(payload);
    if (stream.isAnswered) {
      if (content && type === MESSAGE.application && payload.length > 0) stream.onEvent?.(content);
      if (isLast) this.#lose(new Error(`the nucleus ended ${stream.operation}`));
      return;
    }
    stream.isAnswered = true;
    if (type === MESSAGE.error) stream.answer.reject(IpcError.from(stream.operation, message));
    else if (content) stream.answer.resolve(content);
    else stream.answer.reject(new Error(`the answer to ${stream.operation} is no JSON object`));
  }

  #send(streamId: number, type: number, flags: number, payload: Buffer, extra?: [string, string]): void {
    const headers = new Map<string, HeaderValue>([
      [':message-type', type],
      [':message-flags', flags],
      [':stream-id', streamId],
    ]);
    if (extra) headers.set(...extra);
    const frame = encodeMessage({ headers, payload });
    if (this.#nucleus === 'lite' && frame.length >= LITE_FRAME_BYTES) {
      throw new FrameTooLargeError(`a request of ${frame.length} B is too large for the lite nucleus`);
    }
    if (this.#socket.writable) this.#socket.write(frame);
  }

  #reasonFor(cause: Error | undefined): Error {
    const options = cause ? { cause } : {};
    if (this.#phase === 'connecting') return new Error('the nucleus cannot be reached', options);
    if (this.#phase === 'acknowledged') return new Error('the connection to the nucleus was lost', options);
    return new ClosedUnansweredError('the nucleus closed the connection without an answer', options);
  }

  #lose(reason: Error): void {
    if (this.#lostReason) return;
    this.#lostReason = reason;
    this.#socket.destroy();
    this.#acknowledged.reject(reason);
    for (const { answer } of this.#streams.values()) answer.reject(reason);
    this.#streams.clear();
    this.#resolveLost(reason);
  }
}

function hasFlag(headers: EventStreamMessage['headers'], flag: number): boolean {
  const flags = headers.get(':message-flags');
  return typeof flags === 'number' && (flags & flag) !== 0;
}
