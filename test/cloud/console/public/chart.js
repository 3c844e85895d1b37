import uPlot from './uplot.js';

/** Seconds of history in a chart. */
const SPAN_S = 120;
const HEIGHT_PX = 170;

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {string} color CSS custom property, `--chart-1`
 * @property {boolean} [steps] the value holds until the next
 */

/** Lines over the last two minutes, with a legend that tells the values under the pointer. */
export class Chart {
  #plot;
  #place;
  /** Epoch seconds, then each line's values; null: a gap. */
  #data;
  #observer;

  /**
   * @param {HTMLElement} place
   * @param {{ title: string, unit: string, lines: Line[] }} options
   */
  constructor(place, { title, unit, lines }) {
    this.#place = place;
    this.#data = [[], ...lines.map(() => [])];
    const color = (name) => resolvedColor(place, name);
    const axis = {
      stroke: () => color('--quiet'),
      grid: { stroke: () => color('--line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        title,
        width: place.clientWidth || 400,
        height: HEIGHT_PX,
        cursor: { y: false, points: { size: 6 } },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
        axes: [
          { ...axis, space: 60 },
          { ...axis, size: 52, values: (_plot, ticks) => ticks.map((tick) => tick.toLocaleString()) },
        ],
        series: [
          {},
          ...lines.map(({ label, color: name, steps }) => ({
            label,
            stroke: () => color(name),
            width: 2,
            points: { show: false },
            value: (_plot, value) =>
              value === null || value === undefined ? '–' : `${Math.round(value * 10) / 10} ${unit}`,
            ...(steps ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
          })),
        ],
      },
      this.#data,
      place,
    );
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(place);
  }

  /**
   * @param {number} at epoch milliseconds
   * @param {(number | null)[]} values one for each line
   */
  add(at, values) {
    const seconds = at / 1000;
    [seconds, ...values].forEach((value, index) => this.#data[index].push(value));
    while (this.#data[0][0] < seconds - SPAN_S) for (const column of this.#data) column.shift();
    this.#plot.setData(this.#data);
  }

  /** The colours of the theme have changed. */
  redraw() {
    this.#plot.redraw(false);
  }

  close() {
    this.#observer.disconnect();
    this.#plot.destroy();
  }

  #resize() {
    const width = this.#place.clientWidth;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }
}

/** A canvas does not know `light-dark()`; an element does. */
function resolvedColor(place, name) {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
