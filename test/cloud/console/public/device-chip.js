import { setText } from './element.js';
import { Sparkline } from './sparkline.js';

/** What a full line is worth, at least. */
const FULL_PERCENT = 20;

/** In the page's head: what the agent and its ffmpeg take of the machine. */
export class DeviceChip {
  #place;
  #spark;
  /** @type {{ pid: number, atMs: number, cpuMs: number, captureCpuMs: number } | null} */
  #before = null;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    this.#spark = new Sparkline(place.querySelector('[data-chart=cpu]'), FULL_PERCENT);
  }

  /** @param {import('../backend.ts').DeviceUsage | {}} usage empty while there is no agent */
  show(usage) {
    const before = this.#before;
    this.#before = usage.pid === undefined ? null : usage;
    this.#place.hidden = before?.pid !== usage.pid || before === null;
    if (this.#place.hidden) return;
    const percent = (key) => (100 * (usage[key] - before[key])) / (usage.atMs - before.atMs);
    const field = (name, text) => setText(this.#place.querySelector(`[data-field=${name}]`), text);
    field('cpu', `${percent('cpuMs').toFixed(1)} %`);
    field('captureCpu', `${percent('captureCpuMs').toFixed(0)} %`);
    field('memory', `${Math.round(usage.memoryMb)} MB`);
    this.#spark.add(percent('cpuMs'));
  }
}
