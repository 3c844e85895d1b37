import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import { RefusedRequest, type ConsoleBackend } from './backend.ts';
import type { EventStream } from './event-stream.ts';
import { send, sendJson } from './respond.ts';

/** A desired section of AWS's has at most 8 KB. */
const MAX_BODY_BYTES = 65_536;

/**
 * The page's API:
 *   GET  /api/cameras               what there is to watch
 *   GET  /api/device                what the agent uses of the machine; empty while it does not run
 *   POST /api/viewer/<camera>       access for one viewer
 *   GET  /api/shadow                desired, reported and status; 404 where there is none
 *   PUT  /api/shadow                the whole desired section
 *   GET  /api/schema                every configuration key
 *   GET  /api/mishaps               what can be broken …
 *   POST /api/mishaps/<name>        … and is
 *   GET  /api/events                server-sent events: what happened lately, and then as it happens
 */
export class ConsoleApi {
  readonly #backend: ConsoleBackend;
  readonly #events: EventStream;
  #viewerCount = 0;

  constructor(backend: ConsoleBackend, events: EventStream) {
    this.#backend = backend;
    this.#events = events;
  }

  /** False where `path` is none of the API's. */
  async serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
    if (!path.startsWith('/api/')) return false;
    try {
      checkOrigin(request);
      await this.#answer(request, response, path.slice('/api/'.length));
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      send(response, error.status, 'text/plain', `${error.message}\n`);
    }
    return true;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const backend = this.#backend;
    const [what = '', ...rest] = path.split('/');
    const name = rest.join('/');
    switch (`${request.method} ${what}`) {
      case 'GET cameras':
        return sendJson(response, backend.cameras());
      case 'GET device':
        return sendJson(response, backend.device() ?? {});
      case 'POST viewer':
        return sendJson(response, await this.#viewer(request, name));
      case 'GET shadow':
        return sendJson(response, this.#shadow());
      case 'PUT shadow':
        await backend.setDesired(await readObject(request));
        return sendJson(response, this.#shadow());
      case 'GET schema':
        return sendJson(response, backend.schema());
      case 'GET mishaps':
        return sendJson(response, backend.mishaps());
      case 'POST mishaps':
        await backend.cause(name);
        return sendJson(response, {});
      case 'GET events':
        return this.#events.attach(response);
      default:
        throw new RefusedRequest(404, `${request.method} /api/${path}: there is no such call`);
    }
  }

  async #viewer(request: IncomingMessage, camera: string): Promise<object> {
    const access = await this.#backend.viewerAccess(camera);
    if (!access) throw new RefusedRequest(404, `there is no camera "${camera}"`);
    this.#viewerCount += 1;
    const clientId = `page-${process.pid}-${this.#viewerCount}`;
    // The signature covers the host: the one by which the page reached this server.
    return { endpoint: `wss://${request.headers.host}`, ...access, clientId };
  }

  #shadow(): object {
    const shadow = this.#backend.shadow();
    if (!shadow) throw new RefusedRequest(404, 'there is no shadow service here');
    return shadow;
  }
}

/** Another site's page in the same browser must not reach the API, not even through a name that leads here. */
function checkOrigin({ headers: { host = '', origin } }: IncomingMessage): void {
  const local = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host);
  if (!local || (origin !== undefined && origin !== `http://${host}`)) {
    throw new RefusedRequest(403, 'this API is for the page of the same server only');
  }
}

async function readObject(request: IncomingMessage): Promise<JsonObject> {
  if (Number(request.headers['content-length'] ?? Infinity) > MAX_BODY_BYTES) {
    throw new RefusedRequest(413, `more than ${MAX_BODY_BYTES} bytes, or no content-length`);
  }
  try {
    const body: unknown = JSON.parse(await text(request));
    if (isObject(body)) return body;
  } catch (error) {
    throw new RefusedRequest(400, `no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new RefusedRequest(400, 'expected a JSON object');
}
