import { cameraControls } from './camera-controls.js';
import { Chart } from './chart.js';
import { h, setText } from './element.js';
import { describe } from './event-text.js';
import { stagesOf } from './stages.js';
import { store } from './store.js';

const EVENTS_SHOWN = 12;

const CHARTS = [
  {
    title: 'Adaptation',
    unit: 'kbps',
    lines: [
      { label: 'received', color: '--chart-1', filled: true },
      { label: 'estimate', color: '--chart-2', dashed: true },
      { label: 'picture', color: '--chart-3', steps: true, unit: 'lines' },
    ],
    values: ({ videoKbps, link, height }) => [videoKbps, link?.estimateKbps ?? null, height],
  },
  {
    title: 'Delay',
    unit: 'ms',
    lines: [
      { label: 'latency', color: '--chart-1' },
      { label: 'jitter buffer', color: '--chart-2' },
      { label: 'round trip', color: '--chart-3' },
      { label: 'queue of the link', color: '--chart-4', dashed: true },
    ],
    values: ({ latencyMs, jitterBufferMs, roundTripMs, link }) => [
      latencyMs,
      jitterBufferMs,
      roundTripMs,
      link?.queueMs ?? null,
    ],
  },
  {
    title: 'Frames',
    unit: 'a second',
    lines: [{ label: 'frames', color: '--chart-1', filled: true }],
    values: ({ framesPerSecond }) => [framesPerSecond],
  },
  {
    title: 'Loss',
    unit: '%',
    lines: [{ label: 'packets lost', color: '--chart-4', filled: true }],
    values: ({ lossPercent }) => [lossPercent],
  },
];

/** One camera: below its tile, how it came to a picture, how it runs, and what happened to it. */
export class CameraView {
  #place;
  #tileOf;
  /** @type {AbortController | undefined} ends what belongs to the shown camera */
  #shown;
  /** @type {Chart[]} */
  #charts = [];

  /**
   * @param {HTMLElement} place
   * @param {(name: string) => import('./tile.js').Tile | undefined} tileOf
   */
  constructor(place, tileOf) {
    this.#place = place;
    this.#tileOf = tileOf;
  }

  /** @param {string} name */
  show(name) {
    this.hide();
    this.#place.hidden = false;
    const tile = this.#tileOf(name);
    if (!tile) {
      this.#place.replaceChildren(h('p', { class: 'empty' }, `There is no camera “${name}” on the wall.`));
      return;
    }
    const timeline = h('div', { class: 'timeline' });
    const state = h('dl', { class: 'facts' });
    const events = h('ol', { class: 'events', tabIndex: 0, 'aria-label': `What happened to ${name}` });
    const charts = CHARTS.map((options) => ({ options, place: h('div', { class: 'card chart' }) }));
    this.#shown = new AbortController();
    const { signal } = this.#shown;
    this.#place.replaceChildren(
      cameraControls(tile, signal),
      card('From offer to picture', timeline),
      card('State', state),
      ...charts.map(({ place }) => place),
      card('What happened', events),
    );
    // After they are in the page: a chart is as wide as its place.
    this.#charts = charts.map(({ options, place }) => new Chart(place, options));

    const showState = () => showCameraState(state, name);
    const showEvents = () => showCameraEvents(events, name);
    const showTimeline = () => showStagesOf(timeline, tile);
    const rowsOf = ({ values }) =>
      tile.meter.samples.map((sample) => ({ at: sample.at, values: values(sample) }));
    this.#charts.forEach((chart, index) => chart.fill(rowsOf(CHARTS[index])));
    const sampled = ({ detail }) =>
      this.#charts.forEach((chart, index) => chart.add(detail.at, CHARTS[index].values(detail)));
    tile.addEventListener('change', showTimeline, { signal });
    tile.meter.addEventListener('sample', sampled, { signal });
    store.addEventListener('event', () => (showState(), showEvents()), { signal });
    showTimeline();
    showState();
    showEvents();
  }

  hide() {
    this.#shown?.abort();
    for (const chart of this.#charts) chart.close();
    this.#charts = [];
    this.#place.hidden = true;
  }

  redraw() {
    for (const chart of this.#charts) chart.redraw();
  }
}

function card(title, ...content) {
  return h('section', { class: 'card' }, h('h3', {}, title), ...content);
}

/** @param {import('./tile.js').Tile} tile */
function showStagesOf(place, tile) {
  const stages = tile.viewer ? stagesOf(tile.viewer.timings) : [];
  const wholeMs = stages.at(-1)?.untilMs ?? 1;
  place.replaceChildren(
    ...stages.map(({ name, tookMs, untilMs }) => {
      const bar = h('span', { class: `bar-of stage-${name}` });
      bar.style.marginLeft = `${(100 * (untilMs - tookMs)) / wholeMs}%`;
      bar.style.width = `${Math.max(1, (100 * tookMs) / wholeMs)}%`;
      const took = h('span', { class: 'took' }, `${tookMs.toFixed(0)} ms`);
      return h('div', { class: 'stage-row' }, h('span', {}, name), h('span', { class: 'track' }, bar), took);
    }),
    h('p', { class: 'hint' }, stages.length > 0 ? `${wholeMs.toFixed(0)} ms in all` : 'Not connected yet.'),
  );
}

function showCameraState(place, name) {
  const status = store.last('shadow')?.shadow.status.cameras?.[name];
  if (!status) {
    place.replaceChildren(h('div', {}, h('dt', {}, 'Shadow'), h('dd', {}, 'no status reported yet')));
    return;
  }
  const facts = Object.entries(status).map(([key, value]) => [spaced(key), String(value)]);
  place.replaceChildren(...facts.map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, value))));
}

/** @param {string} key `lastFrameAt` becomes `last frame at` */
function spaced(key) {
  return key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function showCameraEvents(place, name) {
  const own = store.events.filter((event) => JSON.stringify(event).includes(name));
  const lines = own.map(describe).filter((line) => line !== undefined);
  place.replaceChildren(
    ...lines
      .slice(-EVENTS_SHOWN)
      .toReversed()
      .map(({ time, text, tone }) => h('li', { class: tone }, h('time', {}, time), text)),
  );
  if (lines.length === 0) setText(place, 'Nothing yet.');
}
