import type { JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import { TokenBucket } from '../runtime/token-bucket.ts';
import type { ViewerChannel } from './channel-labels.ts';
import {
  ControlError,
  readRequest,
  writeError,
  writeEvent,
  writeResult,
  type ControlRequest,
} from './control-message.ts';

export const CONTROL_LABEL = 'control';

/** What a viewer can be permitted. */
export type Permission = 'view' | 'snapshot' | 'command' | 'talk';

/** A viewer, as far as its requests go. */
export interface ControlledViewer {
  readonly clientId: string;
}

export interface Reply {
  result: JsonObject;
  /** Sent behind the answer, in messages of at most `CHUNK_BYTES`. */
  attachment?: Buffer;
}

export interface Method<Viewer> {
  permission: Permission;
  /** Rejects with `ControlError` where the viewer is to blame. */
  run: (viewer: Viewer, params: JsonObject) => Reply | Promise<Reply>;
}

export interface ControlOptions<Viewer extends ControlledViewer> {
  camera: string;
  methods: Readonly<Record<string, Method<Viewer>>>;
  /** What the method `command` can be asked for: told to those who may. */
  actions: readonly string[];
  /** As of now. */
  permissions: (clientId: string) => readonly Permission[];
  clock: Clock;
  log: Log;
}

/** What fits every peer's messages. */
export const CHUNK_BYTES = 16 * 1024;
/** Together with what waits already, less than a channel takes. */
const MAX_ATTACHMENT_BYTES = 700_000;
const MAX_BUFFERED_BYTES = 100_000;
const REQUESTS = { burst: 40, perSecond: 20 };
const MAX_RUNNING = 4;

/** Serves the channel `control`: requests and answers as JSON (README, "Control protocol"). */
export class Control<Viewer extends ControlledViewer> {
  readonly counters = { requests: 0, malformed: 0, refused: 0, dropped: 0 };
  readonly #options: ControlOptions<Viewer>;

  constructor(options: ControlOptions<Viewer>) {
    this.#options = options;
  }

  serve(channel: ViewerChannel, viewer: Viewer): void {
    if (!channel.isReliable) {
      channel.send(writeError(null, 'malformed', 'the channel "control" must be reliable and ordered'));
      return channel.close();
    }
    const { camera, methods, actions, permissions, clock } = this.#options;
    const limit = new TokenBucket(REQUESTS, clock);
    const running = new Set<string>();
    channel.onMessage = (message) => {
      if (!limit.take()) this.counters.dropped += 1;
      else void this.#receive(channel, viewer, typeof message === 'string' ? message : '', running);
    };
    const allowed = permissions(viewer.clientId);
    const names = Object.keys(methods).filter((name) => allowed.includes(methods[name]!.permission));
    const hello = { camera, methods: names, ...(names.includes('command') && { actions: [...actions] }) };
    channel.send(writeEvent('hello', hello));
  }

  async #receive(channel: ViewerChannel, viewer: Viewer, text: string, running: Set<string>): Promise<void> {
    this.counters.requests += 1;
    const request = readRequest(text);
    if ('problem' in request) {
      this.counters.malformed += 1;
      channel.send(writeError(request.id, request.code, request.problem));
      return;
    }
    if (running.has(request.id) || running.size >= MAX_RUNNING) {
      channel.send(writeError(request.id, 'busy', `${running.size} requests are not answered yet`));
      return;
    }
    running.add(request.id);
    try {
      const { result, attachment } = await this.#run(viewer, request);
      if (attachment) checkRoom(channel, attachment);
      if (channel.send(writeResult(request.id, result)) && attachment) sendInChunks(channel, attachment);
    } catch (error) {
      const code = error instanceof ControlError ? error.code : 'failed';
      if (code === 'not-allowed') this.counters.refused += 1;
      channel.send(writeError(request.id, code, errorText(error)));
    } finally {
      running.delete(request.id);
    }
  }

  async #run(viewer: Viewer, { method: name, params }: ControlRequest): Promise<Reply> {
    const { methods, permissions, log } = this.#options;
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (!method) throw new ControlError('unknown', `one of ${Object.keys(methods).join(', ')}`);
    if (!permissions(viewer.clientId).includes(method.permission)) {
      log.info({ clientId: viewer.clientId, method: name }, 'control request refused');
      throw new ControlError('not-allowed', `control.allowed does not grant "${method.permission}"`);
    }
    return method.run(viewer, params);
  }
}

function checkRoom(channel: ViewerChannel, { length }: Buffer): void {
  if (length > MAX_ATTACHMENT_BYTES)
    throw new ControlError('too-large', `${length} bytes; at most ${MAX_ATTACHMENT_BYTES} can be sent`);
  if (channel.bufferedBytes > MAX_BUFFERED_BYTES)
    throw new ControlError('busy', 'what was sent before has not arrived yet');
}

function sendInChunks(channel: ViewerChannel, data: Buffer): void {
  for (let at = 0; at < data.length; at += CHUNK_BYTES) channel.send(data.subarray(at, at + CHUNK_BYTES));
}
