import type { ServerResponse } from 'node:http';
import type { ConsoleEvent } from './backend.ts';
import { headers } from './respond.ts';

/** As many of the latest events are told to a page that comes later. */
const KEPT = 300;
/** A page that reads slower than events come is cut off; the browser connects anew. */
const MAX_UNREAD_BYTES = 1_000_000;

/** Server-sent events: one JSON document each. */
export class EventStream {
  readonly #recent: ConsoleEvent[] = [];
  readonly #readers = new Set<ServerResponse>();

  add(event: ConsoleEvent): void {
    this.#recent.push(event);
    if (this.#recent.length > KEPT) this.#recent.shift();
    if (this.#readers.size === 0) return;
    const text = line(event);
    for (const reader of this.#readers) {
      if (reader.writableLength > MAX_UNREAD_BYTES) reader.destroy();
      else reader.write(text);
    }
  }

  attach(response: ServerResponse): void {
    response.writeHead(200, headers('text/event-stream'));
    response.write(`retry: 1000\n\n${this.#recent.map(line).join('')}`);
    this.#readers.add(response);
    response.once('close', () => this.#readers.delete(response));
  }
}

function line(event: ConsoleEvent): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}
