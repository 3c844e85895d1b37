import { bitrateKbps, readFigures } from './figures.js';
import { millisecondsSince, readFrameStrip } from './frame-strip.js';
import { Viewer } from './viewer.js';

const FIGURES_INTERVAL_MS = 1000;
const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 15_000;

const STATE_TEXT = {
  idle: 'stopped',
  connecting: 'connecting',
  playing: 'live',
  refused: 'refused',
  failed: 'no connection',
  closed: 'stopped',
};

/** One camera on the wall: its picture, what is measured, and the buttons. Plays again after a failure. */
export class Tile {
  /** @type {Viewer | null} */
  viewer = null;
  /** @type {import('./figures.js').Figures | null} */
  #figures = null;
  #wanted = false;
  #failures = 0;
  #timers = { figures: 0, retry: 0 };

  /** @param {{ name: string }} camera */
  constructor(camera) {
    this.name = camera.name;
    const template = document.querySelector('#tile');
    this.element = template.content.firstElementChild.cloneNode(true);
    this.video = this.element.querySelector('video');
    this.element.setAttribute('aria-label', `Camera ${this.name}`);
    this.#show('name', this.name);
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
    this.#timers.figures = setInterval(() => this.#measure(viewer), FIGURES_INTERVAL_MS);
    this.#render();
  }

  /** Stops watching; the camera's place is free again. */
  stop() {
    this.#wanted = false;
    clearTimeout(this.#timers.retry);
    this.viewer?.stop();
    this.#render();
  }

  /** @param {{ viewers: number, online: boolean }} camera what the server knows of it */
  showCamera({ viewers, online }) {
    this.#show(
      'audience',
      `${online ? '' : 'agent offline · '}${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`,
    );
  }

  #listen() {
    const on = (action, listener) =>
      this.element.querySelector(`[data-action=${action}]`).addEventListener('click', listener);
    on('toggle', () => (this.#wanted ? this.stop() : this.#startOrRetry()));
    on('sound', ({ currentTarget }) => {
      this.video.muted = !this.video.muted;
      currentTarget.setAttribute('aria-pressed', String(!this.video.muted));
    });
    on('figures', ({ currentTarget }) => {
      const bare = this.element.classList.toggle('bare');
      currentTarget.setAttribute('aria-pressed', String(!bare));
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
  }

  #retryLater() {
    const bound = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#timers.retry = setTimeout(() => this.#startOrRetry(), bound * Math.random());
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
    const { video, audio, route } = figures;
    const elapsedMs = figures.atMs - (before?.atMs ?? figures.atMs);
    const rate = (kind) => Math.round(bitrateKbps(before?.[kind] ?? null, figures[kind], elapsedMs));
    this.#show(
      'video',
      `${video.codec} ${video.width}×${video.height} · ${Math.round(video.framesPerSecond)} fps`,
    );
    this.#show('bitrate', before ? `${rate('video')} + ${rate('audio')} kbps` : '–');
    this.#show(
      'frames',
      `${video.framesDecoded} · ${video.framesDropped} dropped · ${video.packetsLost} lost`,
    );
    this.#show('audio', audio ? audio.codec : 'none');
    this.#show('route', routeText(route));
    this.video.requestVideoFrameCallback((_now, { expectedDisplayTime }) => {
      this.#show('latency', latencyText(this.video, expectedDisplayTime));
    });
  }

  #render() {
    const { viewer } = this;
    const state = viewer?.state ?? (this.#wanted ? 'connecting' : 'idle');
    this.element.dataset.state = state;
    this.#show('state', STATE_TEXT[state]);
    this.#show('notice', noticeText(state, viewer?.reason ?? ''));
    this.element.querySelector('[data-action=toggle]').textContent = this.#wanted ? 'Stop' : 'Play';
    if (!viewer) return;
    const { offerAt, answerAt, connectedAt } = viewer.timings;
    const firstFrameMs = viewer.firstFrameMs;
    this.#show('firstFrame', firstFrameMs === undefined ? '–' : `${Math.round(firstFrameMs)} ms`);
    const stages = [
      ['answer', answerAt - offerAt],
      ['connected', connectedAt - offerAt],
    ].filter(([, ms]) => ms > 0);
    this.#show('stages', stages.map(([name, ms]) => `${name} ${Math.round(ms)} ms`).join(' · '));
  }

  /**
   * @param {string} field
   * @param {string} text
   */
  #show(field, text) {
    const element = this.element.querySelector(`[data-field=${field}]`);
    if (element.textContent !== text) element.textContent = text;
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
  return `${route.local} ↔ ${route.remote} · ${route.protocol} · ${route.roundTripMs.toFixed(0)} ms round trip`;
}

/**
 * @param {HTMLVideoElement} video shows a picture of the `test` source
 * @param {number} displayedAt `performance.now()` of its display
 */
function latencyText(video, displayedAt) {
  const strip = readFrameStrip(video);
  if (!strip) return '–';
  return `${Math.round(millisecondsSince(strip.captureMs, performance.timeOrigin + displayedAt))} ms`;
}
