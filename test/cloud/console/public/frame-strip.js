/**
 * Reads what the agent's `test` source writes into each picture: a row of 64 cells from the top-left corner, each a
 * square of 1/80 of the width; 8 sync cells (10101010), 24 bits of frame number, 32 bits of capture time (the low
 * bits of epoch milliseconds), most significant bit first, white = 1.
 */

export const CELLS = 64;
export const CELLS_PER_WIDTH = 80;
const SYNC = 0b10101010;
/** Pixels per cell in the small copy: the middle one is free of the neighbours' blur. */
const CELL_PX = 5;
const THRESHOLD = 128;

const canvas = new OffscreenCanvas(CELLS * CELL_PX, CELL_PX);
const context = canvas.getContext('2d', { willReadFrequently: true });

/**
 * @param {(cell: number) => boolean} isWhite of the 64 cells
 * @returns {{ frameNumber: number, captureMs: number } | null} captureMs: epoch milliseconds modulo 2³²; null where
 *   this is no strip
 */
export function decodeFrameStrip(isWhite) {
  const bits = (from, count) => {
    let value = 0;
    for (let cell = from; cell < from + count; cell++) value = value * 2 + (isWhite(cell) ? 1 : 0);
    return value;
  };
  if (bits(0, 8) !== SYNC) return null;
  return { frameNumber: bits(8, 24), captureMs: bits(32, 32) };
}

/**
 * The strip in the picture that a video shows now, or in a still picture.
 * @param {HTMLVideoElement | ImageBitmap | VideoFrame} picture
 */
export function readFrameStrip(picture) {
  const width = picture.videoWidth ?? picture.displayWidth ?? picture.width;
  if (!context || width === 0) return null;
  const cell = width / CELLS_PER_WIDTH;
  context.drawImage(picture, 0, 0, cell * CELLS, cell, 0, 0, canvas.width, canvas.height);
  const middle = Math.floor(CELL_PX / 2);
  const { data } = context.getImageData(0, middle, canvas.width, 1);
  return decodeFrameStrip((index) => data[(index * CELL_PX + middle) * 4] >= THRESHOLD);
}

/**
 * The strip in a frame: where its format has brightness by itself, read without converting the picture.
 * @param {VideoFrame} frame
 */
export async function readStrip(frame) {
  if (!/^(I4|NV12)/.test(frame.format ?? '')) return readFrameStrip(frame);
  const cell = frame.codedWidth / CELLS_PER_WIDTH;
  const height = Math.max(2, Math.floor(cell / 2) * 2);
  const luma = await readLuma(frame, { x: 0, y: 0, width: cell * CELLS, height });
  const row = Math.floor(height / 2);
  return decodeFrameStrip((index) => luma(Math.floor((index + 0.5) * cell), row) >= THRESHOLD);
}

/**
 * Brightness in a rectangle of an I420 or NV12 frame, copied without converting the rest.
 * @param {VideoFrame} frame
 * @param {{ x: number, y: number, width: number, height: number }} rect even numbers
 * @returns {Promise<(column: number, row: number) => number>}
 */
export async function readLuma(frame, rect) {
  const bytes = new Uint8Array(frame.allocationSize({ rect }));
  const [{ offset, stride }] = await frame.copyTo(bytes, { rect });
  return (column, row) => bytes[offset + row * stride + column];
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
