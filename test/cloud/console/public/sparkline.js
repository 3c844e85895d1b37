const SVG = 'http://www.w3.org/2000/svg';
const SAMPLES = 40;
const WIDTH = 96;
const HEIGHT = 22;

/** A line of the latest samples, one a second; a picture for the eye, the figure stands beside it. */
export class Sparkline {
  /** @type {number[]} */
  #samples = [];
  #atLeast;
  #line = document.createElementNS(SVG, 'polyline');
  #area = document.createElementNS(SVG, 'polygon');

  /**
   * @param {Element} place
   * @param {number} atLeast what the full height is worth, at least
   */
  constructor(place, atLeast) {
    this.#atLeast = atLeast;
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(this.#area, this.#line);
    place.append(svg);
  }

  /** @param {number} value */
  add(value) {
    this.#samples.push(value);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    const top = Math.max(this.#atLeast, ...this.#samples);
    const step = WIDTH / (SAMPLES - 1);
    const points = this.#samples.map(
      (sample, index) =>
        `${(index * step).toFixed(1)},${(HEIGHT - 1 - (sample / top) * (HEIGHT - 2)).toFixed(1)}`,
    );
    const line = points.join(' ');
    this.#line.setAttribute('points', line);
    const end = ((this.#samples.length - 1) * step).toFixed(1);
    this.#area.setAttribute('points', `0,${HEIGHT} ${line} ${end},${HEIGHT}`);
  }
}
