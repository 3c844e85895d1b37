import { setText } from './element.js';
import { Meter } from './meter.js';
import { Sparkline } from './sparkline.js';
import { showStages } from './stages.js';
import { Viewer } from './viewer.js';

const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 15_000;
/** What a full sparkline is worth, at least. */
const FULL_SPARK = { latency: 200, bitrate: 500, loss: 5 };

const STATE_TEXT = {
  idle: 'stopped',
  connecting: 'connecting',
  playing: 'live',
  refused: 'refused',
  failed: 'no connection',
  closed: 'stopped',
};

/**
 * One camera on the wall: its picture, what is measured, and the buttons. Plays again after a failure. Emits `change` with
 * the viewer's state.
 */
export class Tile extends EventTarget {
  /** @type {Viewer | null} */
  viewer = null;
  meter = new Meter();
  /** What the server knows of the camera. */
  #known = { viewers: 0, online: true };
  #rendition = '';
  #soundCodec = '';
  #wanted = false;
  #failures = 0;
  #retryTimer = 0;
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
    const spark = (name) =>
      new Sparkline(this.element.querySelector(`[data-chart=${name}]`), FULL_SPARK[name]);
    this.#sparks = { latency: spark('latency'), bitrate: spark('bitrate'), loss: spark('loss') };
    this.#listen();
    this.#render();
  }

  /** Starts to watch; resolves when the offer is on its way, rejects where the server has no such camera. */
  async start() {
    this.#wanted = true;
    clearTimeout(this.#retryTimer);
    const response = await fetch(`api/viewer/${encodeURIComponent(this.name)}`, { method: 'POST' });
    if (!response.ok) throw new Error(`no access to camera "${this.name}": ${await response.text()}`);
    const access = await response.json();
    if (!this.#wanted) return;
    const viewer = new Viewer(access, this.video);
    this.viewer = viewer;
    viewer.addEventListener('change', () => this.#viewerChanged(viewer));
    viewer.start();
    this.meter.start(viewer);
    this.#render();
  }

  /** Stops watching; the camera's place is free again. */
  stop() {
    this.#wanted = false;
    clearTimeout(this.#retryTimer);
    this.viewer?.stop();
    this.#render();
  }

  /** What is known without the browser's having noticed yet. @param {string} reason */
  lost(reason) {
    this.viewer?.lost(reason);
  }

  /** @param {{ viewers: number, online: boolean }} camera what the server knows of it */
  showCamera(camera) {
    this.#known = camera;
    this.#showAudience();
  }

  #showAudience() {
    const { viewers, online } = this.#known;
    const parts = [`${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`];
    if (!online) parts.unshift('agent offline');
    if (this.#rendition) parts.push(this.#rendition);
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
    this.meter.addEventListener('figures', ({ detail }) => this.#showFigures(detail));
    this.meter.addEventListener('sample', ({ detail }) => this.#showSample(detail));
  }

  /** @param {Viewer} viewer */
  #viewerChanged(viewer) {
    if (viewer !== this.viewer) return;
    const ended = viewer.state !== 'connecting' && viewer.state !== 'playing';
    if (ended) this.meter.stop();
    if (viewer.state === 'playing') this.#failures = 0;
    if (viewer.state === 'failed' && this.#wanted) this.#retryLater();
    if (viewer.state === 'refused') this.#wanted = false;
    this.#render();
    this.dispatchEvent(new Event('change'));
  }

  #retryLater() {
    const bound = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => void this.#startOrRetry(), bound * Math.random());
  }

  async #startOrRetry() {
    try {
      await this.start();
    } catch {
      this.#retryLater();
    }
  }

  /** @param {import('./figures.js').Figures} figures */
  #showFigures({ video, audio, route }) {
    const { codec, width, height, framesPerSecond } = video;
    this.#show('video', `${codec} ${width}×${height} · ${Math.round(framesPerSecond)} fps`);
    const { framesDecoded, framesDropped, freezeCount } = video;
    this.#show('frames', `${framesDecoded} · ${framesDropped} dropped · ${freezeCount} frozen`);
    this.#show('route', routeText(route));
    this.#soundCodec = audio?.codec ?? '';
  }

  /** @param {import('./meter.js').Sample} sample */
  #showSample({ videoKbps, audioKbps, lossPercent, latencyMs, link }) {
    this.#show('bitrate', `${Math.round(videoKbps)} kbps`);
    this.#show('audio', audioKbps > 0 ? `${this.#soundCodec} ${Math.round(audioKbps)} kbps` : 'none');
    this.#show('loss', `${lossPercent.toFixed(1)} %`);
    this.#show('latency', latencyMs === null ? '–' : `${Math.round(latencyMs)} ms`);
    this.#sparks.bitrate.add(videoKbps);
    this.#sparks.loss.add(lossPercent);
    if (latencyMs !== null) this.#sparks.latency.add(latencyMs);
    if (!link) return;
    this.#rendition = link.reach === 'full' ? link.rendition : `${link.rendition}, ${link.reach}`;
    this.#showAudience();
  }

  #render() {
    const { viewer } = this;
    const state = viewer?.state ?? (this.#wanted ? 'connecting' : 'idle');
    this.element.dataset.state = state;
    this.#show('state', STATE_TEXT[state]);
    this.#show('notice', noticeText(state, viewer));
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

function noticeText(state, viewer) {
  if (state === 'connecting') return connectingText(viewer?.timings);
  if (state === 'refused') return `Refused: ${viewer.reason}.`;
  if (state === 'failed') return `Not connected: ${viewer.reason}. Trying again …`;
  return state === 'playing' ? '' : 'Stopped.';
}

/** @param {Viewer['timings'] | undefined} timings */
function connectingText(timings) {
  if (!timings?.offerAt) return 'Opening signaling …';
  if (!timings.answerAt) return 'Asked; waiting for the camera’s answer …';
  return timings.connectedAt ? 'Connected; waiting for the picture …' : 'Answered; connecting …';
}

function routeText(route) {
  if (!route) return '–';
  return `${route.local} ↔ ${route.remote} · ${route.protocol} · ${route.roundTripMs.toFixed(0)} ms`;
}
