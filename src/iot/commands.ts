import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { within, type Clock } from '../runtime/clock.ts';
import { parseMessage } from './json-message.ts';
import type { MessageBus } from './mqtt-connection.ts';

export interface CommandReply {
  result: JsonObject;
  /** Follows the answer in pieces. */
  attachment?: Buffer;
}

/** Runs one command; what it rejects with is the answer's error. */
export type Command = (commandArguments: JsonObject) => Promise<CommandReply>;

/** What a command rejects with where the caller is to blame; any other error is the device's. */
export class BadCommandError extends Error {
  override readonly name = 'BadCommandError';
  readonly code: 'bad-arguments' | 'too-large';

  constructor(message: string, code: 'bad-arguments' | 'too-large' = 'bad-arguments') {
    super(message);
    this.code = code;
  }
}

export interface CommandsOptions {
  bus: MessageBus;
  thingName: string;
  /** By name, e.g. `status`, `restart-camera`, `reload`. */
  commands: Readonly<Record<string, Command>>;
  /** Whether the configuration allows it, now. */
  isAllowed: (command: string) => boolean;
  clock: Clock;
  log: Log;
}

type ErrorCode = 'malformed' | 'unknown' | 'not-allowed' | 'bad-arguments' | 'busy' | 'failed' | 'too-large';

interface Request {
  id: string;
  command: string;
  arguments: JsonObject;
}

const MAX_BYTES = 4096;
/** As base64, and with what stands around it, less than that. */
const PIECE_BYTES = 2_850;
const MAX_RUNNING = 4;
const TIMEOUT_MS = 30_000;
/** QoS 1 may deliver a request twice; a camera shall not restart twice. */
const REMEMBERED_IDS = 64;
const ID = /^[\w.:-]{1,64}$/;
const MAX_ERROR_LENGTH = 500;

/**
 * Requests on `kvs-webrtc/<thingName>/commands/<command>`: `{"id": "…", "arguments": {…}}`, answers on
 * `kvs-webrtc/<thingName>/responses`: `{"id", "command", "ok": true, "result": {…}}` or
 * `{"id", "command", "ok": false, "error": {"code", "message"}}`. Both of at most 4 KB; `id` is the caller's
 * (1 to 64 letters, digits and _ . : -), null where the request had none that could be read. Answered in the payload,
 * not by MQTT 5 properties, for the nucleus passes none on. An attachment's answer has `pieces` and `sha256` in its
 * result, and `{"id", "command", "piece": {"number", "of", "data"}}` follow, from number 1 on, `data` in base64.
 */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #prefix: string;
  readonly #seen = new Set<string>();
  #running = 0;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#prefix = `kvs-webrtc/${options.thingName}`;
  }

  /** Listens; resolves to its undoing. Rejects with `RefusedError` where the topic is forbidden. */
  async start(): Promise<() => Promise<void>> {
    const topicFilter = `${this.#prefix}/commands/+`;
    return this.#options.bus.subscribe(topicFilter, (topic, payload) => {
      void this.#receive(topic.slice(topicFilter.length - 1), payload);
    });
  }

  async #receive(command: string, payload: Uint8Array): Promise<void> {
    const request = readRequest(command, payload);
    if ('problem' in request) return this.#fail(request.id, command, 'malformed', request.problem);
    const { id } = request;
    if (this.#seen.has(id)) return;
    this.#remember(id);
    const { commands, isAllowed, log } = this.#options;
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
    if (!run) return this.#fail(id, command, 'unknown', `one of ${Object.keys(commands).join(', ')}`);
    if (!isAllowed(command))
      return this.#fail(id, command, 'not-allowed', 'commands.allowed does not name it');
    if (this.#running >= MAX_RUNNING) {
      // It shall be asked again.
      this.#seen.delete(id);
      return this.#fail(id, command, 'busy', `${MAX_RUNNING} commands are running`);
    }
    log.info({ id, command }, 'command');
    await this.#run(request, run);
  }

  async #run({ id, command, arguments: commandArguments }: Request, run: Command): Promise<void> {
    this.#running += 1;
    const work = (async () => run(commandArguments))();
    try {
      const reply = await within(this.#options.clock, TIMEOUT_MS, 'not done', work);
      const { result, attachment } = reply;
      if (attachment) await this.#sendInPieces({ id, command }, result, attachment);
      else this.#answerWhole({ id, command }, result);
    } catch (error) {
      const code = error instanceof BadCommandError ? error.code : 'failed';
      this.#fail(id, command, code, errorText(error));
    }
    // What takes longer than an answer may goes on all the same.
    await Promise.allSettled([work]);
    this.#running -= 1;
  }

  /** One after the other and not through the queue, from which they would push out everything else. */
  async #sendInPieces(of: { id: string; command: string }, result: JsonObject, data: Buffer): Promise<void> {
    const pieces = Math.ceil(data.length / PIECE_BYTES);
    const sha256 = createHash('sha256').update(data).digest('hex');
    const send = (document: object) =>
      this.#options.bus.publish(`${this.#prefix}/responses`, JSON.stringify({ ...of, ...document }));
    await send({ ok: true, result: { ...result, pieces, sha256 } });
    for (let number = 1; number <= pieces; number += 1) {
      const piece = data.subarray((number - 1) * PIECE_BYTES, number * PIECE_BYTES);
      await send({ piece: { number, of: pieces, data: piece.toString('base64') } });
    }
  }

  #answerWhole(of: { id: string; command: string }, result: JsonObject): void {
    const answer = JSON.stringify({ ...of, ok: true, result });
    if (Buffer.byteLength(answer) <= MAX_BYTES) this.#answer(answer);
    else this.#fail(of.id, of.command, 'too-large', `the result exceeds ${MAX_BYTES} bytes`);
  }

  #fail(id: string | null, command: string, code: ErrorCode, message: string): void {
    this.#options.log.warn({ id, command: command.slice(0, 64), code }, 'command not run');
    const error = { code, message: message.slice(0, MAX_ERROR_LENGTH) };
    this.#answer(JSON.stringify({ id, command: command.slice(0, 64), ok: false, error }));
  }

  #answer(answer: string): void {
    this.#options.bus.enqueue(`${this.#prefix}/responses`, answer);
  }

  #remember(id: string): void {
    this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED_IDS) return;
      this.#seen.delete(oldest);
    }
  }
}

function readRequest(command: string, payload: Uint8Array): Request | { id: string | null; problem: string } {
  if (payload.byteLength > MAX_BYTES) return { id: null, problem: `at most ${MAX_BYTES} bytes` };
  const message = parseMessage(payload, MAX_BYTES);
  if (!message) return { id: null, problem: 'a JSON object with id and arguments' };
  const { id, command: named = command, arguments: given = {} } = message;
  if (typeof id !== 'string' || !ID.test(id)) {
    return { id: null, problem: 'id: 1 to 64 letters, digits and _ . : -' };
  }
  if (named !== command) return { id, problem: 'command: the same as in the topic, or none' };
  if (!isObject(given)) return { id, problem: 'arguments: an object' };
  return { id, command, arguments: given };
}
