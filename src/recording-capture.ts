import type { CameraConfig, RenditionConfig } from './config/config.ts';

/** AWS: WebRTC ingestion takes up to SQFHD. */
const MAX_SIDE = 1920;
/** Name of the rendition that is made where no other will do; no camera can have one of that name. */
const OWN_RENDITION = 'recording~';
/** What RTP, retransmissions and the encoder's own ups and downs leave for the picture. */
const VIDEO_SHARE = 0.9;

export interface Capture {
  /** What the camera has to capture. */
  config: CameraConfig;
  /** Name of the rendition that is recorded; empty where none is. */
  rendition: string;
}

/** Why viewers are not served; undefined where they are. */
export function barsViewers({ storage }: CameraConfig): string | undefined {
  return storage.enabled && !storage.serveViewers
    ? 'the channel is recorded: viewers come through its stream or storage session (storage.serveViewers)'
    : undefined;
}

/**
 * The capture of a camera. One that is recorded is captured with the best rendition that keeps to the limits of WebRTC ingestion, or one made for it,
 * as sharp per pixel as the best one. Where no viewer is served nothing else is captured.
 */
export function captureOf(config: CameraConfig): Capture {
  const { video, storage } = config;
  if (!storage.enabled) return { config, rendition: '' };
  const chosen = fittingRendition(config);
  const [name, rendition] = chosen ?? [OWN_RENDITION, ownRendition(config)];
  const others = storage.serveViewers ? video.renditions : {};
  const renditions = { ...others, [name]: rendition };
  return { config: { ...config, video: { ...video, renditions } }, rendition: name };
}

function fittingRendition(config: CameraConfig): [string, RenditionConfig] | undefined {
  const all = Object.entries(config.video.renditions);
  // The source as it is: nothing can be made of it.
  if (config.video.encoder === 'copy') return all[0];
  return all.find(
    ([, { width, height, bitrateKbps }]) =>
      bitrateKbps <= videoKbps(config) && width <= MAX_SIDE && height <= MAX_SIDE,
  );
}

function ownRendition(config: CameraConfig): RenditionConfig {
  const best = Object.values(config.video.renditions)[0];
  if (!best) throw new Error('a camera without renditions');
  const bitrateKbps = Math.min(best.bitrateKbps, videoKbps(config));
  const scale = Math.min(
    1,
    MAX_SIDE / Math.max(best.width, best.height),
    Math.sqrt(bitrateKbps / best.bitrateKbps),
  );
  const side = (pixels: number) => Math.max(32, 2 * Math.floor((pixels * scale) / 2));
  return { width: side(best.width), height: side(best.height), fps: best.fps, bitrateKbps };
}

function videoKbps({ storage, audio }: CameraConfig): number {
  return Math.max(30, Math.floor(VIDEO_SHARE * (storage.maxBitrateKbps - audio.bitrateKbps)));
}
