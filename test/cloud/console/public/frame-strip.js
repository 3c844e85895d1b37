/**
 * Reads what the agent's `test` source writes into each picture: a row of 64 cells from the top-left corner, each a
 * square of 1/80 of the width; 8 sync cells (10101010), 24 bits of frame number, 32 bits of capture time (the low
 * bits of epoch milliseconds), most significant bit first, white = 1.
 */

const CELLS = 64;
const SYNC = 0b10101010;
/** Pixels per cell in the small copy: the middle one is free of the neighbours' blur. */
const CELL_PX = 5;
const THRESHOLD = 128;

const canvas = new OffscreenCanvas(CELLS * CELL_PX, CELL_PX);
const context = canvas.getContext('2d', { willReadFrequently: true });

/**
 * The strip in a picture.
 * @param {CanvasImageSource} picture a playing video, or a frame of one
 * @param {number} width of the picture in pixels
 * @returns {{ frameNumber: number, captureMs: number } | null} captureMs: epoch milliseconds modulo 2³²; null where
 *   the picture has no strip
 */
export function readFrameStrip(picture, width) {
  if (!context || width === 0) return null;
  const cell = width / 80;
  context.drawImage(picture, 0, 0, cell * CELLS, cell, 0, 0, canvas.width, canvas.height);
  const middle = Math.floor(CELL_PX / 2);
  const { data } = context.getImageData(0, middle, canvas.width, 1);
  const bits = (from, count) => {
    let value = 0;
    for (let index = from; index < from + count; index++) {
      const red = data[(index * CELL_PX + middle) * 4];
      value = value * 2 + (red >= THRESHOLD ? 1 : 0);
    }
    return value;
  };
  if (bits(0, 8) !== SYNC) return null;
  return { frameNumber: bits(8, 24), captureMs: bits(32, 32) };
}

/**
 * Milliseconds from `captureMs` (modulo 2³²) to `epochMs`.
 * @param {number} captureMs
 * @param {number} epochMs
 */
export function millisecondsSince(captureMs, epochMs) {
  const whole = Math.floor(epochMs);
  return ((whole - captureMs) | 0) + (epochMs - whole);
}
