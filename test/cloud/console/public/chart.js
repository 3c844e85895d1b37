import { clockTime } from './element.js';
import uPlot from './uplot.js';

/** Seconds of history in a chart. */
const SPAN_S = 120;
/** The grid's lines are as many seconds apart. */
const GRID_S = 30;
const HEIGHT_PX = 170;

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {string} color CSS custom property, `--chart-1`
 * @property {boolean} [steps] the value holds until the next
 * @property {boolean} [dashed]
 * @property {boolean} [filled] down to zero
 * @property {string} [unit] another than the chart's: on a scale of its own, at the right
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
    const other = lines.find((line) => line.unit)?.unit;
    this.#plot = new uPlot(
      {
        title: `${title}, ${unit}`,
        width: place.clientWidth || 400,
        height: HEIGHT_PX,
        cursor: { y: false, points: { size: 6 } },
        scales: { x: { range: timeRange }, y: { range: valueRange }, other: { range: valueRange } },
        axes: this.#axes(other),
        series: [{ value: (_plot, at) => timeText(at) }, ...lines.map((line) => this.#series(line, unit))],
      },
      this.#data,
      place,
    );
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(place);
  }

  /** @param {string | undefined} other unit of the scale at the right */
  #axes(other) {
    const axis = {
      stroke: () => this.#color('--quiet'),
      grid: { stroke: () => this.#color('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    const time = { ...axis, incrs: [GRID_S], values: (_plot, ticks) => ticks.map(timeText) };
    const right = { ...axis, side: 1, scale: 'other', size: 46, grid: { show: false }, values: numberTexts };
    return [time, { ...axis, size: 52, values: numberTexts }, ...(other ? [right] : [])];
  }

  /** @param {Line} line */
  #series({ label, color, steps, dashed, filled, unit: own }, unit) {
    return {
      label,
      scale: own ? 'other' : 'y',
      stroke: () => this.#color(color),
      width: 2,
      points: { show: false },
      value: (_plot, value) => `${value == null ? '–' : Math.round(value * 10) / 10} ${own ?? unit}`,
      ...(steps ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      ...(dashed ? { dash: [6, 4] } : {}),
      ...(filled ? { fill: () => this.#color(color).replace(/^rgb\((.*)\)$/, 'rgba($1, 0.14)') } : {}),
    };
  }

  /** What came before the chart was there. @param {{ at: number, values: (number | null)[] }[]} rows as of `add` */
  fill(rows) {
    for (const { at, values } of rows) this.#push(at, values);
    this.#show();
  }

  /**
   * @param {number} at epoch milliseconds
   * @param {(number | null)[]} values one for each line
   */
  add(at, values) {
    this.#push(at, values);
    this.#show();
  }

  #push(at, values) {
    const seconds = at / 1000;
    [seconds, ...values].forEach((value, index) => this.#data[index].push(value));
    while (this.#data[0][0] < seconds - SPAN_S) for (const column of this.#data) column.shift();
  }

  /** The legend tells the latest values while no pointer asks for others. */
  #show() {
    this.#plot.setData(this.#data);
    if (this.#plot.cursor.left < 0) this.#plot.setLegend({ idx: this.#data[0].length - 1 }, false);
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

  /** A canvas does not know `light-dark()`; an element does. @param {string} name */
  #color(name) {
    const probe = document.createElement('i');
    probe.style.color = `var(${name})`;
    this.#place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }
}

/** The last two minutes, however little has been measured of them. */
function timeRange(_plot, _low, high) {
  const until = high ?? Date.now() / 1000;
  return [until - SPAN_S, until];
}

function valueRange(_plot, _low, high) {
  return [0, Math.max(1, (high ?? 0) * 1.15)];
}

function numberTexts(_plot, ticks) {
  return ticks.map((tick) => tick.toLocaleString());
}

/** @param {number | null} at epoch seconds */
function timeText(at) {
  return at == null ? '–' : clockTime(at * 1000);
}
