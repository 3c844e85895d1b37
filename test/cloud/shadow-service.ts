import { setTimeout as delay } from 'node:timers/promises';
import type { CloudContext } from './context.ts';
import { cloudNow } from './context.ts';
import type { Operation } from './faults.ts';
import { isObject, type JsonObject } from './rest-api.ts';
import { ShadowDocument, ShadowRejection } from './shadow-document.ts';

/** Where requests come from and answers go to. */
export interface ShadowBroker {
  subscribe(topicFilter: string, handler: (topic: string, payload: Buffer) => void): Promise<void>;
  publish(topic: string, payload: string | object): Promise<void>;
}

type Verb = 'get' | 'update' | 'delete';
const OPERATIONS: Record<Verb, Operation> = {
  get: 'GetThingShadow',
  update: 'UpdateThingShadow',
  delete: 'DeleteThingShadow',
};
const MAX_TOKEN_BYTES = 64;
const SHADOW_NAME = /^[a-zA-Z0-9:_-]{1,64}$/;
const TOPIC = /^\$aws\/things\/([^/]+)\/shadow\/(?:name\/([^/]+)\/)?(get|update|delete)$/;

interface Target {
  thingName: string;
  /** Empty: the classic, unnamed shadow. */
  shadowName: string;
}

/**
 * The Device Shadow service on its MQTT topics.
 * https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
 */
export class ShadowService {
  readonly #context: CloudContext;
  readonly #broker: ShadowBroker;
  readonly #documents = new Map<string, ShadowDocument>();

  constructor(context: CloudContext, broker: ShadowBroker) {
    this.#context = context;
    this.#broker = broker;
  }

  async start(): Promise<void> {
    const handler = (topic: string, payload: Buffer) => void this.#request(topic, payload);
    await this.#broker.subscribe('$aws/things/+/shadow/+', handler);
    await this.#broker.subscribe('$aws/things/+/shadow/name/+/+', handler);
  }

  /** The whole document as `get` answers it; undefined where there is none. */
  get(thingName: string, shadowName = ''): JsonObject | undefined {
    const document = this.#documents.get(nameOf({ thingName, shadowName }));
    return document?.exists ? this.#answer({ ...document.get() }, undefined) : undefined;
  }

  /** What a user does through the console or the REST API: the same rules, the same messages. Throws a rejection. */
  async update(thingName: string, shadowName: string, request: JsonObject): Promise<JsonObject> {
    // Through JSON, as a request comes.
    const accepted = await this.#update({ thingName, shadowName }, JSON.parse(JSON.stringify(request)));
    return accepted;
  }

  async #request(topic: string, payload: Buffer): Promise<void> {
    const [, thingName = '', shadowName = '', verbText = ''] = TOPIC.exec(topic) ?? [];
    const verb = (['get', 'update', 'delete'] as const).find((each) => each === verbText);
    if (!verb) return;
    const target = { thingName, shadowName };
    let request: JsonObject | undefined;
    let code = 200;
    try {
      request = parse(payload, verb);
      if (!(await this.#meetFault(verb, topic))) return;
      if (shadowName && !SHADOW_NAME.test(shadowName)) throw new ShadowRejection(400, 'Invalid shadow name');
      const accepted = await this.#serve(verb, target, request);
      if (verb !== 'update') await this.#publish(`${topic}/accepted`, accepted);
    } catch (error) {
      if (!(error instanceof ShadowRejection)) throw error;
      code = error.code;
      const token = request?.['clientToken'];
      const rejected = this.#answer({ code, message: error.message }, token);
      await this.#publish(`${topic}/rejected`, rejected);
    } finally {
      this.#context.events.add({ type: 'shadow', operation: OPERATIONS[verb], thingName, shadowName, code });
    }
  }

  async #serve(verb: Verb, target: Target, request: JsonObject): Promise<JsonObject> {
    if (verb === 'update') return this.#update(target, request);
    const document = this.#documents.get(nameOf(target));
    if (!document?.exists) throw new ShadowRejection(404, `No shadow exists with name: '${nameOf(target)}'`);
    const token = request['clientToken'];
    if (verb === 'get') return this.#answer({ ...document.get() }, token);
    const { version } = document;
    document.delete();
    return this.#answer({ version }, token);
  }

  /** Publishes accepted, documents and, where the sections differ, delta. */
  async #update(target: Target, request: JsonObject): Promise<JsonObject> {
    const document = this.#documents.get(nameOf(target)) ?? new ShadowDocument();
    const token = request['clientToken'];
    const { accepted, delta, previous, current } = document.update(request, this.#seconds());
    this.#documents.set(nameOf(target), document);
    const topic = `${topicOf(target)}/update`;
    const answer = this.#answer({ ...accepted }, token);
    const publishes = [this.#publish(`${topic}/accepted`, answer)];
    if (delta) publishes.push(this.#publish(`${topic}/delta`, this.#answer({ ...delta }, token)));
    publishes.push(this.#publish(`${topic}/documents`, this.#answer({ previous, current }, token)));
    await Promise.all(publishes);
    return answer;
  }

  /** False where no answer is to come. */
  async #meetFault(verb: Verb, topic: string): Promise<boolean> {
    const fault = this.#context.faults.take(OPERATIONS[verb]);
    switch (fault?.kind) {
      case 'error':
        throw new ShadowRejection(fault.status, fault.message ?? fault.errorType);
      case 'delay':
        await delay(fault.delayMs, undefined, { ref: false });
        return true;
      case 'garbage':
        await this.#publish(`${topic}/accepted`, '{"state":');
        return false;
      case 'hang':
      case 'drop':
        return false;
      default:
        return true;
    }
  }

  /** A broker that goes away takes the message with it. */
  async #publish(topic: string, payload: string | object): Promise<void> {
    await this.#broker.publish(topic, payload).catch(() => undefined);
  }

  #answer(body: JsonObject, clientToken: unknown): JsonObject {
    return { ...body, timestamp: this.#seconds(), ...(clientToken === undefined ? {} : { clientToken }) };
  }

  #seconds(): number {
    return Math.floor(cloudNow(this.#context) / 1000);
  }
}

function parse(payload: Buffer, verb: Verb): JsonObject {
  if (payload.length === 0 && verb !== 'update') return {};
  let request: unknown;
  try {
    request = JSON.parse(payload.toString());
  } catch {
    throw new ShadowRejection(400, 'Payload contains invalid json');
  }
  if (!isObject(request)) throw new ShadowRejection(400, 'Payload contains invalid json');
  const token = request['clientToken'];
  if (token !== undefined && (typeof token !== 'string' || Buffer.byteLength(token) > MAX_TOKEN_BYTES)) {
    throw new ShadowRejection(400, 'Invalid clientToken');
  }
  return request;
}

function topicOf({ thingName, shadowName }: Target): string {
  return `$aws/things/${thingName}/shadow${shadowName ? `/name/${shadowName}` : ''}`;
}

/** As AWS writes it in its messages. */
function nameOf({ thingName, shadowName }: Target): string {
  return shadowName ? `${thingName}~${shadowName}` : thingName;
}
