import { bitrateKbps, lossPercent, readFigures } from './figures.js';
import { millisecondsSince, readStrip } from './frame-strip.js';

const INTERVAL_MS = 1000;
/** As long as the charts are. */
const SAMPLES_KEPT = 120;
/** How often the camera is asked what it makes of the link: while somebody looks at it alone, and on the wall. */
const LINK_EVERY = { alone: 1, wall: 5 };

/**
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
 * @property {Link | null} link null where the camera does not tell
 */

/**
 * What the camera thinks of the way to this viewer: the agent's `statistics`.
 * @typedef {object} Link
 * @property {string} rendition
 * @property {string} reach `full`, or how much of it is left out
 * @property {number} [estimateKbps] absent: nothing known yet
 * @property {number} queueMs how long a packet waits on the way, as the agent thinks
 */

/**
 * Measures what a camera's viewers get, once a second while they play. Emits `figures` and `sample` (a CustomEvent with
 * `Figures` or a `Sample` as `detail`).
 */
export class Meter extends EventTarget {
  /** The latest, oldest first; those of the camera's earlier viewers too. @type {Sample[]} */
  samples = [];
  /** Somebody looks at this camera alone. */
  alone = false;
  /** Nobody looks. */
  paused = false;
  /** @type {import('./figures.js').Figures | null} */
  #before = null;
  /** @type {number | null} */
  #latencyMs = null;
  /** @type {Link | null} */
  #link = null;
  #rounds = 0;
  #timer = 0;

  /** @param {import('./viewer.js').Viewer} viewer measured until `stop` */
  start(viewer) {
    this.stop();
    this.#timer = setInterval(() => void this.#measure(viewer), INTERVAL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#before = null;
    this.#latencyMs = null;
    this.#link = null;
    this.#rounds = 0;
  }

  /** @param {import('./viewer.js').Viewer} viewer */
  async #measure(viewer) {
    if (viewer.state !== 'playing' || this.paused) return;
    void this.#readLatency(viewer.video);
    const [figures] = await Promise.all([readFigures(viewer.peer), this.#askLink(viewer)]);
    if (viewer.state !== 'playing' || !figures.video) return;
    this.dispatchEvent(new CustomEvent('figures', { detail: figures }));
    const before = this.#before;
    this.#before = figures;
    if (before?.video) {
      this.#add({ ...ratesBetween(before, figures), latencyMs: this.#latencyMs, link: this.#link });
    }
  }

  /** @param {Sample} sample */
  #add(sample) {
    this.samples.push(sample);
    if (this.samples.length > SAMPLES_KEPT) this.samples.shift();
    this.dispatchEvent(new CustomEvent('sample', { detail: sample }));
  }

  /** Of the next picture, which may be long in coming. @param {HTMLVideoElement} video */
  async #readLatency(video) {
    const { expectedDisplayTime } = await new Promise((resolve) => {
      video.requestVideoFrameCallback((_now, frame) => resolve(frame));
    });
    const picture = new VideoFrame(video);
    const strip = await readStrip(picture);
    picture.close();
    const shownAt = performance.timeOrigin + expectedDisplayTime;
    this.#latencyMs = strip ? millisecondsSince(strip.captureMs, shownAt) : null;
  }

  /** @param {import('./viewer.js').Viewer} viewer */
  async #askLink({ control }) {
    const isTime = this.#rounds++ % (this.alone ? LINK_EVERY.alone : LINK_EVERY.wall) === 0;
    if (!isTime || !control?.isOpen || !control.methods.includes('statistics')) return;
    try {
      this.#link = (await control.request('statistics')).link ?? null;
    } catch {
      // Too many requests, or the viewer is over: the next round tells.
    }
  }
}

/**
 * @param {import('./figures.js').Figures} before
 * @param {import('./figures.js').Figures} figures
 */
function ratesBetween(before, figures) {
  const elapsedMs = figures.atMs - before.atMs;
  const { video, route } = figures;
  return {
    at: performance.timeOrigin + figures.atMs,
    videoKbps: bitrateKbps(before.video, video, elapsedMs),
    audioKbps: bitrateKbps(before.audio, figures.audio, elapsedMs),
    framesPerSecond: ((video.framesDecoded - before.video.framesDecoded) * 1000) / elapsedMs,
    lossPercent: lossPercent(before.video, video),
    roundTripMs: route?.roundTripMs ?? null,
    jitterBufferMs: video.jitterBufferMs,
    height: video.height,
  };
}
