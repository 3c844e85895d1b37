import { isObject, type JsonObject } from '../config/layers.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { Bell } from './bell.ts';
import { parseMessage } from './json-message.ts';
import { NotConnectedError, RefusedError, type MessageBus } from './mqtt-connection.ts';
import { mergePatch, shadowPatch } from './shadow-patch.ts';
import { NoAnswerError, ShadowRejectedError, ShadowRequests } from './shadow-requests.ts';

/** What the cloud wants. */
export interface DesiredDocument {
  /** The shadow's version; 0 where there is no shadow. */
  version: number;
  /** Empty where nothing is desired. */
  desired: JsonObject;
}

export interface DeviceShadowOptions {
  bus: MessageBus;
  thingName: string;
  /** A named shadow. */
  shadowName: string;
  clock: Clock;
  random: Random;
  log: Log;
  /** Told of every document fetched, changed or not; the newest one only. */
  onDesired?: (document: DesiredDocument) => void;
  /** A get was not answered, although connected; undefined: it is again. */
  onFault?: (fault: string | undefined) => void;
  /** How often the document is fetched although nothing told of a change; default 1 h, ± 10 %. */
  pollIntervalMs?: number;
  /** Least time between two updates of `reported`; default 1 s. */
  reportIntervalMs?: number;
}

const POLL_INTERVAL_MS = 3_600_000;
const REPORT_INTERVAL_MS = 1000;
/** Until the bus itself knows that it is disconnected. */
const LOST_PAUSE_MS = 1000;
/** A document is at most 8 KB; with its metadata an answer can be several times that. */
const MAX_MESSAGE_BYTES = 128 * 1024;
/** AWS: "No shadow exists with name". */
const NOT_FOUND = 404;
/** Rejections that the same update would get again: malformed, too large, unsupported. */
const HOPELESS = [400, 413, 415];

/**
 * One named device shadow over plain topics (so it works directly, on the classic nucleus and on lite):
 * https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
 * Any sign of a change leads to a `get` of the whole document: a deleted key sends no delta, and a message may be
 * lost or come out of order; the document itself is always right.
 */
export class DeviceShadow {
  readonly #options: DeviceShadowOptions;
  readonly #bus: MessageBus;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #requests: ShadowRequests;
  readonly #bell = new Bell();
  /** Newest version that a change of desired was heard of; the document is stale below it. */
  #wantedVersion = 0;
  #fetchedVersion = 0;
  #mustGet = true;
  #nextPollMs = 0;
  /** `reported` as the cloud has it; undefined until it is known. */
  #accepted: JsonObject | undefined;
  #target: JsonObject | undefined;
  #nextUpdateMs = 0;
  #faulty = false;

  constructor(options: DeviceShadowOptions) {
    this.#options = options;
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#prefix = `$aws/things/${options.thingName}/shadow/name/${options.shadowName}`;
    this.#requests = new ShadowRequests(options.bus, this.#prefix, options.clock, options.random);
  }

  /** Makes `document` the whole of `reported`: what differs is sent, at a limited rate, the newest wins. */
  report(document: JsonObject): void {
    this.#target = document;
    this.#bell.ring();
  }

  /** Fetches and reports until `signal` aborts; rejects when the shadow does not answer or refuses. */
  async run(signal: AbortSignal): Promise<void> {
    const undo = [
      this.#bus.onConnected(() => this.#connected()),
      this.#bus.onDisconnected(() => this.#disconnected()),
    ];
    const unsubscribe: (() => Promise<void>)[] = [];
    this.#connected();
    try {
      for (const suffix of TOPICS) {
        const handler = (_: string, payload: Uint8Array) => this.#receive(suffix, payload);
        unsubscribe.push(await this.#bus.subscribe(`${this.#prefix}/${suffix}`, handler));
      }
      while (!signal.aborted) await this.#step(signal);
    } finally {
      for (const each of undo) each();
      this.#requests.cancel();
      await Promise.all(unsubscribe.map((each) => each()));
    }
  }

  /** The one next thing: never two requests at a time. */
  async #step(signal: AbortSignal): Promise<void> {
    if (!this.#bus.connected) return this.#bell.wait(this.#clock, POLL_INTERVAL_MS, signal);
    const now = this.#clock.monotonic();
    const patch = this.#pendingPatch();
    try {
      if (this.#isStale(now)) await this.#fetch();
      else if (patch && now >= this.#nextUpdateMs) await this.#update(patch);
      else await this.#bell.wait(this.#clock, this.#nextMs(patch) - now, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof NotConnectedError)) throw error;
      // Once connected again everything is fetched anew.
      this.#mustGet = true;
      await this.#bell.wait(this.#clock, LOST_PAUSE_MS, signal);
    }
  }

  #isStale(now: number): boolean {
    return this.#mustGet || this.#wantedVersion > this.#fetchedVersion || now >= this.#nextPollMs;
  }

  #nextMs(patch: JsonObject | undefined): number {
    return patch ? Math.min(this.#nextUpdateMs, this.#nextPollMs) : this.#nextPollMs;
  }

  async #fetch(): Promise<void> {
    const wantedBefore = this.#wantedVersion;
    this.#mustGet = false;
    try {
      const document = await this.#requests.send('get', {});
      const version = versionOf(document);
      // Overtaken by a change: the next step fetches again. A lower version than was wanted *before* asking means
      // that the shadow was deleted and made anew.
      if (version < this.#wantedVersion && this.#wantedVersion > wantedBefore) return;
      this.#fetched(version, isObject(document.state) ? document.state : {});
    } catch (error) {
      if (error instanceof ShadowRejectedError && error.code === NOT_FOUND) return this.#fetched(0, {});
      this.#mustGet = true;
      if (error instanceof NoAnswerError) await this.#reportSilence(error);
      throw error;
    }
  }

  #fetched(version: number, { desired, reported }: JsonObject): void {
    const { pollIntervalMs = POLL_INTERVAL_MS, random, onDesired, onFault } = this.#options;
    this.#fetchedVersion = version;
    this.#wantedVersion = version;
    this.#accepted = isObject(reported) ? reported : {};
    this.#nextPollMs = this.#clock.monotonic() + pollIntervalMs * (0.9 + 0.2 * random.float());
    if (this.#faulty) onFault?.(undefined);
    this.#faulty = false;
    onDesired?.({ version, desired: isObject(desired) ? desired : {} });
  }

  /** The nucleus lite drops answers above about 5,000 bytes without a word; an update's answer is small. */
  async #reportSilence(error: NoAnswerError): Promise<void> {
    this.#faulty = true;
    this.#options.onFault?.(error.message);
    const patch = this.#pendingPatch();
    try {
      if (patch) await this.#update(patch);
    } catch {
      // The get's own failure is the one to tell of.
    }
  }

  #pendingPatch(): JsonObject | undefined {
    return this.#target && shadowPatch(this.#accepted ?? {}, this.#target);
  }

  async #update(patch: JsonObject): Promise<void> {
    const { reportIntervalMs = REPORT_INTERVAL_MS, shadowName, log } = this.#options;
    this.#nextUpdateMs = this.#clock.monotonic() + reportIntervalMs;
    try {
      await this.#requests.send('update', { state: { reported: patch } });
    } catch (error) {
      const hopeless =
        error instanceof RefusedError ||
        (error instanceof ShadowRejectedError && HOPELESS.includes(error.code));
      if (!hopeless) {
        // It may or may not have arrived.
        this.#mustGet = true;
        throw error;
      }
      log.error({ shadowName, error: error.message }, 'the state cannot be reported');
    }
    this.#accepted = mergePatch(this.#accepted ?? {}, patch);
  }

  #connected(): void {
    this.#mustGet = true;
    this.#wantedVersion = 0;
    this.#fetchedVersion = 0;
    this.#bell.ring();
  }

  #disconnected(): void {
    this.#requests.cancel();
    this.#bell.ring();
  }

  #receive(topic: (typeof TOPICS)[number], payload: Uint8Array): void {
    const { log, shadowName } = this.#options;
    const message = parseMessage(payload, MAX_MESSAGE_BYTES);
    if (!message)
      return log.warn({ shadowName, topic, bytes: payload.byteLength }, 'a shadow message makes no sense');
    this.#requests.receive(topic, message);
    if (topic === 'delete/accepted') return this.#connected();
    const changed = topic === 'update/delta' || (topic === 'update/accepted' && tellsOfDesired(message));
    if (changed && versionOf(message) > this.#wantedVersion) {
      this.#wantedVersion = versionOf(message);
      this.#bell.ring();
    }
  }
}

const TOPICS = [
  'get/accepted',
  'get/rejected',
  'update/accepted',
  'update/rejected',
  'update/delta',
  'delete/accepted',
] as const;

/** Also where it was removed: then it is null. */
function tellsOfDesired({ state }: JsonObject): boolean {
  return state === null || (isObject(state) && Object.hasOwn(state, 'desired'));
}

function versionOf({ version }: JsonObject): number {
  return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? version : 0;
}
