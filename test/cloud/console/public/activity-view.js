import { h } from './element.js';
import { describe } from './event-text.js';
import { store } from './store.js';

const SOURCES = {
  device: 'Device',
  log: 'Agent log',
  cloud: 'Cloud',
  sessions: 'Sessions',
  alarms: 'Alarms',
  shadow: 'Shadow',
  mishap: 'Mishaps',
};
const LINES_SHOWN = 200;

/** Metrics as they were published last, and everything that happened, newest first. */
export class ActivityView {
  #place;
  #metrics = h('div', { class: 'metric-cards' });
  #list = h('ol', { class: 'events', 'aria-label': 'Events, newest first' });
  /** Sources that are not listed. */
  #hidden = new Set();
  /** Names of metric groups that are folded. */
  #closed = new Set();
  /** @type {AbortController | undefined} */
  #shown;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    const filters = Object.entries(SOURCES).map(([source, title]) => this.#filter(source, title));
    place.replaceChildren(
      h('section', { class: 'card' }, h('h2', {}, 'Metrics'), this.#metrics),
      h(
        'section',
        { class: 'card' },
        h('h2', {}, 'Events'),
        h('div', { class: 'filters' }, ...filters),
        this.#list,
      ),
    );
  }

  show() {
    this.#shown?.abort();
    this.#shown = new AbortController();
    this.#place.hidden = false;
    const options = { signal: this.#shown.signal };
    store.addEventListener('event', ({ detail }) => this.#added(detail), options);
    store.addEventListener('reset', () => this.#render(), options);
    this.#render();
  }

  hide() {
    this.#shown?.abort();
    this.#place.hidden = true;
  }

  #filter(source, title) {
    const button = h('button', { type: 'button', 'aria-pressed': 'true' }, title);
    button.addEventListener('click', () => {
      if (!this.#hidden.delete(source)) this.#hidden.add(source);
      button.setAttribute('aria-pressed', String(!this.#hidden.has(source)));
      this.#render();
    });
    return button;
  }

  #added(event) {
    if (event.kind === 'metrics') return this.#renderMetrics();
    const item = this.#item(event);
    if (!item) return;
    this.#list.prepend(item);
    while (this.#list.children.length > LINES_SHOWN) this.#list.lastElementChild.remove();
  }

  #render() {
    const items = store.events.map((event) => this.#item(event)).filter((item) => item !== undefined);
    this.#list.replaceChildren(...items.toReversed());
    this.#renderMetrics();
  }

  #item(event) {
    const line = this.#hidden.has(event.kind) ? undefined : describe(event);
    if (!line) return undefined;
    const source = h('span', { class: 'source' }, SOURCES[line.source]);
    return h('li', { class: line.tone }, h('time', {}, line.time), source, line.text);
  }

  /** Stays open or closed while its figures change. */
  #group(name, values) {
    const group = h('details', { open: !this.#closed.has(name) }, h('summary', {}, h('h3', {}, name)));
    group.append(h('dl', { class: 'facts' }, ...values.map(metricRow)));
    group.addEventListener('toggle', () => {
      if (group.open) this.#closed.delete(name);
      else this.#closed.add(name);
    });
    return group;
  }

  #renderMetrics() {
    const groups = latestMetrics();
    const cards = [...groups].map(([name, values]) => this.#group(name, values));
    this.#metrics.replaceChildren(...cards);
    if (cards.length === 0) {
      this.#metrics.append(
        h('p', { class: 'empty' }, 'Nothing published yet; the first comes after one interval.'),
      );
    }
  }
}

/** The last document of each camera and of the device, its metrics with their units. */
function latestMetrics() {
  const groups = new Map();
  for (const { kind, payload } of store.events) {
    if (kind !== 'metrics') continue;
    const units = new Map(
      payload['_aws'].CloudWatchMetrics.flatMap(({ Metrics }) =>
        Metrics.map(({ Name, Unit }) => [Name, Unit]),
      ),
    );
    const { camera } = payload;
    const name = typeof camera === 'string' ? `Camera ${camera}` : 'Device';
    const values = Object.entries(payload).filter(([key]) => units.has(key));
    const group = new Map(groups.get(name) ?? []);
    for (const [key, value] of values) group.set(key, { key, value, unit: units.get(key) });
    groups.set(name, group);
  }
  return new Map([...groups].map(([name, group]) => [name, [...group.values()]]));
}

const SHORT_UNITS = {
  Milliseconds: 'ms',
  Seconds: 's',
  'Kilobits/Second': 'kbps',
  Percent: '%',
  None: '',
  Count: '',
};

function metricRow({ key, value, unit }) {
  const { number, of } = single(value);
  const text =
    unit === 'Bytes' ? bytesText(number) : `${number.toLocaleString()} ${SHORT_UNITS[unit] ?? unit}`;
  return h('div', {}, h('dt', {}, key), h('dd', {}, of > 1 ? `${text} (median of ${of})` : text));
}

/** Many values in one metric are shown as their median. */
function single(value) {
  if (!Array.isArray(value)) return { number: value, of: 1 };
  const sorted = value.toSorted((a, b) => a - b);
  return { number: sorted[Math.floor(sorted.length / 2)], of: value.length };
}

function bytesText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toLocaleString(undefined, { maximumFractionDigits: 1 })} ${units[power]}`;
}
