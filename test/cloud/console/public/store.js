/** What the server knows, and what it tells as it happens. */

/** @typedef {import('../backend.ts').ConsoleEvent} ConsoleEvent */

/**
 * @param {string} path below `api/`
 * @param {RequestInit} [options]
 */
export async function api(path, options) {
  const response = await fetch(`api/${path}`, options);
  if (!response.ok)
    throw new Error((await response.text()).trim() || `the server answered ${response.status}`);
  return response.json();
}

const KEPT = 400;

/** The latest events, oldest first; emits `event` (a CustomEvent with the event as `detail`), `reset` and `lost`. */
class Store extends EventTarget {
  /** @type {ConsoleEvent[]} */
  events = [];

  connect() {
    const source = new EventSource('api/events');
    // The server begins with what happened lately: a new connection tells it again.
    source.addEventListener('open', () => {
      this.events = [];
      this.dispatchEvent(new Event('reset'));
    });
    source.addEventListener('error', () => this.dispatchEvent(new Event('lost')));
    source.addEventListener('message', ({ data }) => this.#add(JSON.parse(data)));
  }

  /**
   * The latest event of a kind.
   * @param {ConsoleEvent['kind']} kind
   * @param {(event: ConsoleEvent) => boolean} [matches]
   */
  last(kind, matches = () => true) {
    return this.events.findLast((event) => event.kind === kind && matches(event));
  }

  /** @param {ConsoleEvent} event */
  #add(event) {
    this.events.push(event);
    if (this.events.length > KEPT) this.events.shift();
    this.dispatchEvent(new CustomEvent('event', { detail: event }));
  }
}

export const store = new Store();
