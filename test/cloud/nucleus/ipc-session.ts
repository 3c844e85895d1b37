import type { Socket } from 'node:net';
import {
  encodeMessage,
  MessageReader,
  type EventStreamMessage,
  type HeaderValue,
} from '../../../src/greengrass/event-stream.ts';

/** https://github.com/awslabs/aws-c-event-stream, event_stream_rpc.h */
const MESSAGE_TYPE = { application: 0, error: 1, ping: 2, pingResponse: 3, connect: 4, connectAck: 5 };
const SERVICE = 'aws.greengrass#GreengrassCoreIPC';
const FLAG = { none: 0, connectionAccepted: 1, terminateStream: 2 };

export type ErrorCode =
  'ServiceError' | 'UnauthorizedError' | 'ResourceNotFoundError' | 'InvalidArgumentsError' | 'ConflictError';

/** What an operation is refused with. */
export class IpcError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The stream of one operation. */
export interface IpcStream {
  readonly component: string;
  /** An event of a subscription, after the operation's answer. */
  send(shape: string, event: object): void;
  /** Called once, when either side ends the stream. */
  onEnd(callback: () => void): void;
}

/** The answer's members; throws an `IpcError`. */
export type Operation = (request: Record<string, unknown>, stream: IpcStream) => object | Promise<object>;

export interface IpcHost {
  /** The component that a token was given to. */
  componentOf(token: string): string | undefined;
  operation(name: string): Operation | undefined;
  /** Larger frames end the connection (lite: 10,000). */
  readonly maxFrameBytes: number | undefined;
  /** Told after each operation that was answered. */
  onAnswered?(): void;
  /** Lite: a bad token is answered by closing, and errors have fewer members. */
  readonly isLite: boolean;
}

/** One component's connection: connect and its acknowledgement, then operations, each on a stream of its own. */
export class IpcSession {
  readonly #socket: Socket;
  readonly #host: IpcHost;
  readonly #streams = new Map<number, Stream>();
  #component: string | undefined;

  constructor(socket: Socket, host: IpcHost) {
    this.#socket = socket;
    this.#host = host;
    const reader = new MessageReader(host.maxFrameBytes);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#receive(message);
      } catch (error) {
        // A nucleus closes on whatever it cannot read.
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.on('error', () => undefined);
    socket.once('close', () => this.#end());
  }

  get component(): string | undefined {
    return this.#component;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive({ headers, payload }: EventStreamMessage): void {
    const type = headers.get(':message-type');
    const streamId = headers.get(':stream-id');
    const flags = headers.get(':message-flags');
    if (this.#component === undefined) return this.#connect(type, headers, payload);
    if (type === MESSAGE_TYPE.ping) return this.#write(0, MESSAGE_TYPE.pingResponse, FLAG.none, payload);
    if (typeof streamId !== 'number' || streamId === 0) throw new Error('a message without a stream');
    if (typeof flags === 'number' && (flags & FLAG.terminateStream) !== 0) {
      this.#streams.get(streamId)?.end();
      return;
    }
    void this.#operate(streamId, headers.get('operation'), payload);
  }

  #connect(type: HeaderValue | undefined, headers: Map<string, HeaderValue>, payload: Buffer): void {
    if (type !== MESSAGE_TYPE.connect || headers.get(':version') !== '0.1.0') throw new Error('no connect');
    const { authToken } = parse(payload);
    const component = typeof authToken === 'string' ? this.#host.componentOf(authToken) : undefined;
    if (component !== undefined) {
      this.#component = component;
      this.#write(0, MESSAGE_TYPE.connectAck, FLAG.connectionAccepted);
      return;
    }
    if (!this.#host.isLite) this.#write(0, MESSAGE_TYPE.connectAck, FLAG.none);
    this.#socket.end();
  }

  async #operate(streamId: number, operation: HeaderValue | undefined, payload: Buffer): Promise<void> {
    const name = typeof operation === 'string' ? operation.replace('aws.greengrass#', '') : '';
    const stream = new Stream(this.#component ?? '', (shape, event) =>
      this.#write(streamId, MESSAGE_TYPE.application, FLAG.none, json(event), `aws.greengrass#${shape}`),
    );
    this.#streams.set(streamId, stream);
    stream.onEnd(() => this.#streams.delete(streamId));
    try {
      const operate = this.#host.operation(name);
      if (!operate) throw new IpcError('ServiceError', '');
      const answer = await operate(parse(payload), stream);
      stream.answer(`${name}Response`, answer);
      this.#host.onAnswered?.();
    } catch (error) {
      this.#refuse(streamId, error);
      stream.end();
    }
  }

  #refuse(streamId: number, error: unknown): void {
    const code = error instanceof IpcError ? error.code : 'ServiceError';
    const message = error instanceof Error ? error.message : String(error);
    const named = { _message: message, _errorCode: code };
    // Lite has no `message`, which is where the SDK's model looks.
    const body = this.#host.isLite ? named : { ...named, _service: SERVICE, message };
    const { error: type } = MESSAGE_TYPE;
    this.#write(streamId, type, FLAG.terminateStream, json(body), `aws.greengrass#${code}`);
  }

  #write(streamId: number, type: number, flags: number, payload?: Buffer, shape?: string): void {
    const headers = new Map<string, HeaderValue>([
      [':message-type', type],
      [':message-flags', flags],
      [':stream-id', streamId],
    ]);
    if (shape !== undefined) {
      headers.set(':content-type', 'application/json');
      headers.set('service-model-type', shape);
    }
    const frame = encodeMessage({ headers, payload: payload ?? Buffer.alloc(0) });
    const limit = this.#host.maxFrameBytes;
    // Lite builds its messages in a buffer of this size; what does not fit is dropped with a line in its log.
    if (limit !== undefined && frame.length > limit) throw new IpcError('ServiceError', '');
    if (this.#socket.writable) this.#socket.write(frame);
  }

  #end(): void {
    for (const stream of this.#streams.values()) stream.end();
  }
}

/** Holds events back until the operation was answered: the client takes the first message for the answer. */
class Stream implements IpcStream {
  readonly component: string;
  readonly #write: (shape: string, event: object) => void;
  readonly #onEnd: (() => void)[] = [];
  #state: 'asked' | 'answered' | 'ended' = 'asked';
  #early: [shape: string, event: object][] = [];

  constructor(component: string, write: (shape: string, event: object) => void) {
    this.component = component;
    this.#write = write;
  }

  answer(shape: string, answer: object): void {
    if (this.#state !== 'asked') return;
    this.#write(shape, answer);
    this.#state = 'answered';
    for (const [earlyShape, event] of this.#early.splice(0)) this.send(earlyShape, event);
  }

  send(shape: string, event: object): void {
    if (this.#state === 'asked') this.#early.push([shape, event]);
    if (this.#state !== 'answered') return;
    try {
      this.#write(shape, event);
    } catch {
      // Too large for lite: this event is lost, the subscription goes on.
    }
  }

  onEnd(callback: () => void): void {
    if (this.#state === 'ended') callback();
    else this.#onEnd.push(callback);
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    for (const callback of this.#onEnd) callback();
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse(payload: Buffer): Record<string, unknown> {
  const value: unknown = payload.length === 0 ? {} : JSON.parse(payload.toString());
  if (typeof value !== 'object' || value === null) throw new Error('the payload is no JSON object');
  return { ...value };
}
