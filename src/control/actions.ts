import { isObject, type Json, type JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { ChildProgram, endingText } from '../runtime/child-program.ts';
import { within, type Clock } from '../runtime/clock.ts';
import { collect } from './collect.ts';
import { ControlError } from './control-message.ts';
import type { ControlledViewer, Method } from './control.ts';

/** What the device's own configuration lets viewers have done: a message to a local topic, or a program that runs. */
export interface Action {
  topic?: string;
  /** Program and arguments, as they are run. */
  command?: readonly string[];
  /** Absent: 5. */
  timeoutSeconds?: number;
}

/** The device's local publish/subscribe. */
export interface LocalTopics {
  /**
   * Sends `message` to a topic and resolves with the reply.
   * @throws Error when none comes in time, or the other side says what is wrong.
   */
  request(topic: string, message: JsonObject, timeoutMs: number): Promise<Json>;
}

export interface ActionsOptions {
  camera: string;
  /** By name. */
  actions: Readonly<Record<string, Action>>;
  /** Undefined where the device has none. */
  topics: LocalTopics | undefined;
  nice: number;
  clock: Clock;
  log: Log;
}

/** The action that PTZ goes to. */
const PTZ = 'ptz';
const AXES = ['pan', 'tilt', 'zoom'];
const DEFAULT_TIMEOUT_SECONDS = 5;
const MAX_RUNNING = 4;
/** Printed by a program, or sent to a topic: fits a data channel's message, whoever is at the other end. */
const MAX_REPLY_BYTES = 8 * 1024;

/** Runs what viewers ask for, and nothing that the configuration does not name: what they say is data, never an argument. */
export class Actions {
  readonly #options: ActionsOptions;
  /** Client ids of viewers that have set the camera in motion. */
  readonly #moving = new Set<string>();
  #running = 0;

  constructor(options: ActionsOptions) {
    this.#options = options;
  }

  get names(): string[] {
    return Object.keys(this.#options.actions);
  }

  /** `command` with any action, and `ptz` where there is an action of that name; none where there are no actions. */
  methods(): Record<string, Method<ControlledViewer>> {
    const { actions } = this.#options;
    const method = (read: (params: JsonObject) => [string, JsonObject]): Method<ControlledViewer> => ({
      permission: 'command',
      run: async ({ clientId }, params) => ({
        result: { reply: await this.#run(clientId, ...read(params)) },
      }),
    });
    return {
      ...(this.names.length > 0 && { command: method(readCommand) }),
      ...(Object.hasOwn(actions, PTZ) && { ptz: method((params) => [PTZ, readPtz(params)]) }),
    };
  }

  /** A viewer is gone: what it has set in motion stops. Never rejects. */
  async left(clientId: string): Promise<void> {
    if (!this.#moving.has(clientId)) return;
    try {
      await this.#perform(PTZ, clientId, readPtz({}));
    } catch (error) {
      this.#options.log.warn({ clientId, error: errorText(error) }, 'the camera could not be stopped');
    }
  }

  async #run(clientId: string, name: string, data: JsonObject): Promise<Json> {
    if (!Object.hasOwn(this.#options.actions, name))
      throw new ControlError('bad-params', `action: one of ${this.names.join(', ')}`);
    if (this.#running >= MAX_RUNNING) throw new ControlError('busy', `${MAX_RUNNING} actions are running`);
    this.#running += 1;
    try {
      const reply = await this.#perform(name, clientId, data);
      if (JSON.stringify(reply).length > MAX_REPLY_BYTES)
        throw new ControlError('too-large', `the reply exceeds ${MAX_REPLY_BYTES} characters`);
      return reply;
    } finally {
      this.#running -= 1;
    }
  }

  #perform(name: string, clientId: string, data: JsonObject): Promise<Json> {
    const { camera, actions, topics, log } = this.#options;
    const { topic = '', command, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = actions[name] ?? {};
    log.info({ clientId, action: name }, 'action');
    if (name === PTZ && AXES.some((axis) => data[axis] !== 0)) this.#moving.add(clientId);
    else if (name === PTZ) this.#moving.delete(clientId);
    const message = { camera, clientId, action: name, data };
    const timeoutMs = 1_000 * timeoutSeconds;
    if (command) return this.#execute(command, message, timeoutMs);
    if (!topics) throw new Error('the action needs Greengrass, and there is no nucleus');
    return topics.request(topic, message, timeoutMs);
  }

  async #execute(
    [path = '', ...args]: readonly string[],
    message: JsonObject,
    timeoutMs: number,
  ): Promise<Json> {
    const { nice, clock, log } = this.#options;
    const program = new ChildProgram({ path, args, stdin: true, stdout: true, extraPipes: 0, nice, clock });
    try {
      program.stdin?.end(JSON.stringify(message));
      const finished = Promise.all([
        program.stdout && collect(program.stdout, MAX_REPLY_BYTES),
        program.ended,
      ]);
      const [output, ending] = await within(clock, timeoutMs, 'the action has not ended', finished);
      if ('code' in ending && ending.code === 0) return replyOf(output?.toString() ?? '');
      // What it said is for whoever looks after the device, not for viewers.
      log.warn({ action: message.action, stderr: program.lastWords([]) }, `an action ${endingText(ending)}`);
      throw new Error(`the action ${'error' in ending ? 'could not be started' : endingText(ending)}`);
    } finally {
      await program.stop();
    }
  }
}

/** What a program printed: JSON as it is, anything else as text; null for nothing. */
function replyOf(output: string): Json {
  const text = output.trim();
  if (text === '') return null;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

function readCommand({ action, data = {}, ...others }: JsonObject): [string, JsonObject] {
  if (typeof action !== 'string') throw new ControlError('bad-params', 'action: the name of an action');
  if (!isObject(data)) throw new ControlError('bad-params', 'data: an object');
  if (Object.keys(others).length > 0) throw new ControlError('bad-params', 'nothing beside action and data');
  return [action, action === PTZ ? readPtz(data) : data];
}

/** Speeds from -1 (left, down, wide) to 1 (right, up, near); what is not said is 0, and all 0 stops. */
function readPtz(params: JsonObject): JsonObject {
  const unknown = Object.keys(params).find((key) => !AXES.includes(key));
  if (unknown !== undefined) throw new ControlError('bad-params', `nothing beside ${AXES.join(', ')}`);
  return Object.fromEntries(
    AXES.map((axis) => {
      const { [axis]: speed = 0 } = params;
      if (typeof speed !== 'number' || Math.abs(speed) > 1)
        throw new ControlError('bad-params', `${axis}: -1 to 1`);
      return [axis, speed];
    }),
  );
}
