import { setText } from './element.js';
import { bitrateKbps, lossPercent, readFigures } from './figures.js';
import { millisecondsSince, readFrameStrip } from './frame-strip.js';
import { Sparkline } from './sparkline.js';
import { showStages } from './stages.js';
import { Viewer } from './viewer.js';

const FIGURES_INTERVAL_MS = 1000;
const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 15_000;
/** What a full sparkline is worth, at least. */
const SPARK_KBPS = 500;
const SPARK_LOSS_PERCENT = 5;

const STATE_TEXT = {
  idle: 'stopped',
  connecting: 'connecting',
  playing: 'live',
  refused: 'refused',
  failed: 'no connection',
  closed: 'stopped',
};

/**
 * One camera on the wall: its picture, what is measured, and the buttons. Plays again after a failure. Emits
 * `measured` once a second (a CustomEvent with a `Sample` as `detail`) and `change` with the viewer's state.
 *
 * @typedef {object} Sample
 * @property {number} at epoch milliseconds
 * @property {number} videoKbps
 * @property {number} audioKbps
 * @property {number} framesPerSecond
 * @property {number} lossPercent
 * @property {number | null} roundTripMs
 * @property {number} jitterBufferMs
 * @property {number | null} latencyMs from the camera's clock in the picture; null where the picture has none
 * @property {number} height of the picture, pixels
 */
export class Tile extends EventTarget {
  /** @type {Viewer | null} */
  viewer = null;
  /** @type {import('./figures.js').Figures | null} */
  #figures = null;
  /** @type {number | null} */
  #latencyMs = null;
  #wanted = false;
  #failures = 0;
  #timers = { figures: 0, retry: 0 };
  #sparks;

  /** @param {{ name: string }} camera */
  constructor(camera) {
    super();
    this.name = camera.name;
    const template = document.querySelector('#tile');
    this.element = template.content.firstElementChild.cloneNode(true);
    this.video = this.element.querySelector('video');
    this.element.setAttribute('aria-label', `Camera ${this.name}`);
    this.element.dataset.camera = this.name;
    const address = `#/camera/${encodeURIComponent(this.name)}`;
    for (const field of ['name', 'details']) this.#field(field).href = address;
    this.#field('details').setAttribute('aria-label', `Details of camera ${this.name}`);
    this.#show('name', this.name);
    this.#sparks = {
      bitrate: new Sparkline(this.element.querySelector('[data-chart=bitrate]'), SPARK_KBPS),
      loss: new Sparkline(this.element.querySelector('[data-chart=loss]'), SPARK_LOSS_PERCENT),
    };
    this.#listen();
    this.#render();
  }

  /** Starts to watch; resolves when the offer is on its way, rejects where the server has no such camera. */
  async start() {
    this.#wanted = true;
    clearTimeout(this.#timers.retry);
    const response = await fetch(`api/viewer/${encodeURIComponent(this.name)}`, { method: 'POST' });
    if (!response.ok) throw new Error(`no access to camera "${this.name}": ${await response.text()}`);
    const access = await response.json();
    if (!this.#wanted) return;
    const viewer = new Viewer(access, this.video);
    this.viewer = viewer;
    this.#figures = null;
    viewer.addEventListener('change', () => this.#viewerChanged(viewer));
    viewer.start();
    this.#timers.figures = setInterval(() => void this.#measure(viewer), FIGURES_INTERVAL_MS);
    this.#render();
  }

  /** Stops watching; the camera's place is free again. */
  stop() {
    this.#wanted = false;
    clearTimeout(this.#timers.retry);
    this.viewer?.stop();
    this.#render();
  }

  /** @param {{ viewers: number, online: boolean, rendition?: string }} camera what the server knows of it */
  showCamera({ viewers, online, rendition }) {
    const parts = [`${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`];
    if (!online) parts.unshift('agent offline');
    if (rendition) parts.push(rendition);
    this.#show('audience', parts.join(' · '));
  }

  #listen() {
    const on = (action, listener) =>
      this.element.querySelector(`[data-action=${action}]`).addEventListener('click', listener);
    on('toggle', () => (this.#wanted ? this.stop() : this.#startOrRetry()));
    on('sound', ({ currentTarget }) => {
      this.video.muted = !this.video.muted;
      currentTarget.setAttribute('aria-pressed', String(!this.video.muted));
    });
    on('fullscreen', () => this.element.querySelector('.picture').requestFullscreen());
  }

  /** @param {Viewer} viewer */
  #viewerChanged(viewer) {
    if (viewer !== this.viewer) return;
    const ended = viewer.state !== 'connecting' && viewer.state !== 'playing';
    if (ended) clearInterval(this.#timers.figures);
    if (viewer.state === 'playing') this.#failures = 0;
    if (viewer.state === 'failed' && this.#wanted) this.#retryLater();
    if (viewer.state === 'refused') this.#wanted = false;
    this.#render();
    this.dispatchEvent(new Event('change'));
  }

  #retryLater() {
    const bound = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#timers.retry = setTimeout(() => void this.#startOrRetry(), bound * Math.random());
  }

  async #startOrRetry() {
    try {
      await this.start();
    } catch {
      this.#retryLater();
    }
  }

  /** @param {Viewer} viewer */
  async #measure(viewer) {
    if (viewer.state !== 'playing') return;
    const figures = await readFigures(viewer.peer);
    const before = this.#figures;
    this.#figures = figures;
    if (viewer.state !== 'playing' || !figures.video) return;
    this.#showFigures(figures);
    this.#readLatency();
    if (before) this.#showRates(before, figures);
  }

  /** @param {import('./figures.js').Figures} figures */
  #showFigures({ video, route }) {
    const { codec, width, height, framesPerSecond } = video;
    this.#show('video', `${codec} ${width}×${height} · ${Math.round(framesPerSecond)} fps`);
    this.#show(
      'frames',
      `${video.framesDecoded} · ${video.framesDropped} dropped · ${video.freezeCount} freezes`,
    );
    this.#show('route', routeText(route));
  }

  /**
   * @param {import('./figures.js').Figures} before
   * @param {import('./figures.js').Figures} figures
   */
  #showRates(before, figures) {
    const elapsedMs = figures.atMs - before.atMs;
    const { video, route } = figures;
    const rate = (kind) => bitrateKbps(before[kind], figures[kind], elapsedMs);
    const sample = {
      at: performance.timeOrigin + figures.atMs,
      videoKbps: rate('video'),
      audioKbps: rate('audio'),
      framesPerSecond: ((video.framesDecoded - before.video.framesDecoded) * 1000) / elapsedMs,
      lossPercent: lossPercent(before.video, video),
      roundTripMs: route?.roundTripMs ?? null,
      jitterBufferMs: video.jitterBufferMs,
      latencyMs: this.#latencyMs,
      height: video.height,
    };
    this.#show('bitrate', `${Math.round(sample.videoKbps)} kbps`);
    const { audio } = figures;
    this.#show('audio', audio ? `${audio.codec} ${Math.round(sample.audioKbps)} kbps` : 'none');
    this.#show('loss', `${sample.lossPercent.toFixed(1)} %`);
    this.#sparks.bitrate.add(sample.videoKbps);
    this.#sparks.loss.add(sample.lossPercent);
    this.dispatchEvent(new CustomEvent('measured', { detail: sample }));
  }

  #readLatency() {
    this.video.requestVideoFrameCallback((_now, { expectedDisplayTime }) => {
      const strip = readFrameStrip(this.video);
      const shownAt = performance.timeOrigin + expectedDisplayTime;
      this.#latencyMs = strip ? millisecondsSince(strip.captureMs, shownAt) : null;
      this.#show('latency', strip ? `${Math.round(this.#latencyMs)} ms` : '–');
    });
  }

  #render() {
    const { viewer } = this;
    const state = viewer?.state ?? (this.#wanted ? 'connecting' : 'idle');
    this.element.dataset.state = state;
    this.#show('state', STATE_TEXT[state]);
    this.#show('notice', noticeText(state, viewer?.reason ?? ''));
    const toggle = this.element.querySelector('[data-action=toggle]');
    setText(toggle, this.#wanted ? 'Stop' : 'Play');
    toggle.setAttribute('aria-label', `${this.#wanted ? 'Stop' : 'Play'} camera ${this.name}`);
    if (!viewer) return;
    const { firstFrameMs } = viewer;
    this.#show('firstFrame', firstFrameMs === undefined ? '–' : `${Math.round(firstFrameMs)} ms`);
    showStages(this.#field('stages'), viewer.timings);
  }

  /** @param {string} name */
  #field(name) {
    return this.element.querySelector(`[data-field=${name}]`);
  }

  /**
   * @param {string} field
   * @param {string} text
   */
  #show(field, text) {
    setText(this.#field(field), text);
  }
}

function noticeText(state, reason) {
  if (state === 'connecting') return 'Connecting …';
  if (state === 'refused') return `Refused: ${reason}.`;
  if (state === 'failed') return `Not connected: ${reason}. Trying again …`;
  return state === 'playing' ? '' : 'Stopped.';
}

function routeText(route) {
  if (!route) return '–';
  return `${route.local} ↔ ${route.remote} · ${route.protocol} · ${route.roundTripMs.toFixed(0)} ms`;
}
