import type { RenditionConfig } from '../config/config.ts';

/** One pixel format and size that a camera offers. */
export interface V4l2Format {
  /** ffmpeg's name for `-input_format`, e.g. `h264`, `mjpeg`, `yuyv422`. */
  name: string;
  /** Pixels; the largest where the sensor has no fixed sizes. */
  width: number;
  height: number;
  anySize: boolean;
}

/** Above this many pixels a camera on USB 2 has no full frame rate uncompressed. */
const RAW_PIXELS = 640 * 480;

/** Reads what `ffmpeg -f v4l2 -list_formats all -i DEVICE` prints on standard error. */
export function parseV4l2Formats(listing: string): V4l2Format[] {
  const formats: V4l2Format[] = [];
  for (const line of listing.split('\n')) {
    const match = /(?:Raw|Compressed)\s*:\s*(\w+)\s*:[^:]*:(.*)$/.exec(line);
    if (!match) continue;
    const [, name = '', sizes = ''] = match;
    for (const [, width, height] of sizes.matchAll(/(\d+)x(\d+)/g)) {
      formats.push({ name, width: Number(width), height: Number(height), anySize: false });
    }
    // Sensors without fixed sizes print a range, e.g. {32-2592, 2}x{32-1944, 2}.
    const range = /\{\d+-(\d+), *\d+\}x\{\d+-(\d+), *\d+\}/.exec(sizes);
    if (range) formats.push({ name, width: Number(range[1]), height: Number(range[2]), anySize: true });
  }
  return formats;
}

/**
 * The format to capture in: the camera's own H.264 where it may be passed through, else raw for small pictures
 * and MJPEG for large ones; the smallest size that is large enough, or else the largest.
 */
export function chooseV4l2Format(
  formats: readonly V4l2Format[],
  wanted: RenditionConfig,
  mayPassThrough: boolean,
): V4l2Format | undefined {
  const large = wanted.width * wanted.height > RAW_PIXELS;
  const kind = ({ name }: V4l2Format) => (name === 'h264' || name === 'mjpeg' ? name : 'raw');
  const preference = [
    ...(mayPassThrough ? ['h264'] : []),
    ...(large ? ['mjpeg', 'raw'] : ['raw', 'mjpeg']),
    'h264',
  ];
  for (const preferred of preference) {
    const offered = formats.filter((format) => kind(format) === preferred);
    const bySize = offered.toSorted((a, b) => a.width * a.height - b.width * b.height);
    const enough = bySize.find(({ width, height }) => width >= wanted.width && height >= wanted.height);
    const best = enough ?? bySize.at(-1);
    if (best?.anySize && enough) return { ...best, width: wanted.width, height: wanted.height };
    if (best) return best;
  }
  return undefined;
}
