import type { CameraConfig, RenditionConfig } from '../config/config.ts';

const TURN = {
  0: undefined,
  90: 'transpose=clock',
  180: 'hflip,vflip',
  270: 'transpose=cclock',
} as const;

/** Filters that change the picture of every rendition: orientation, crop, overlay. */
export function pictureFilters(config: CameraConfig, canDrawText: boolean): string[] {
  const { orientation = 0, crop, overlay } = config;
  const filters: string[] = [];
  if (crop) filters.push(`crop=${crop.width}:${crop.height}:${crop.x}:${crop.y}`);
  const turn = TURN[orientation];
  if (turn !== undefined) filters.push(turn);
  if (!canDrawText) return filters;
  const style = 'fontsize=h/24:fontcolor=white:box=1:boxcolor=black@0.5:boxborderw=6';
  if (overlay?.text) {
    filters.push(`drawtext=expansion=none:text=${escapeText(overlay.text)}:${style}:x=h/48:y=h/48`);
  }
  if (overlay?.clock) {
    const text = String.raw`%{gmtime\:%Y-%m-%d %H\\\:%M\\\:%S}Z`;
    filters.push(`drawtext=text='${text}':${style}:x=w-tw-h/48:y=h/48`);
  }
  return filters;
}

/** Makes one rendition from the common picture: at most its frame rate, fitted into its size, never enlarged. */
export function renditionFilters({ width, height, fps }: RenditionConfig): string[] {
  // Takes the frames nearest to the instants of the rate. Needs no look at the next frame, as `fps` does.
  const next = `if(ld(0),max(ld(0)+1/${fps},t+0.6/${fps}),t+1/${fps})`;
  const due = `if(isnan(prev_t)+gte(1.5*t-0.5*prev_t,ld(0)),1+0*st(0,${next}),0)`;
  return [
    `select='${due}'`,
    `scale='min(${width},iw)':'min(${height},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`,
    'setsar=1',
  ];
}

/**
 * Any text as the value of a filter option. A filter graph is unescaped twice (graph, then options): whoever
 * writes the text must not be able to add filters, some of which read files.
 */
export function escapeText(text: string): string {
  const printable = text.replace(/\p{Cc}+/gu, ' ');
  const once = printable.replace(/[\\':%]/g, String.raw`\$&`);
  return once.replace(/[\\'[\],;:\s]/g, String.raw`\$&`);
}
