import type { CameraConfig, SourceConfig } from '../../../../src/config/config.ts';

export type ConfigChanges = Partial<Omit<CameraConfig, 'video' | 'source'>> & {
  video?: Partial<CameraConfig['video']>;
};

/** A camera's configuration: the defaults, changed. */
export function cameraConfig(source: SourceConfig, changes: ConfigChanges = {}): CameraConfig {
  return {
    channelName: 'front',
    enabled: true,
    source,
    audio: { enabled: true, codec: 'opus', bitrateKbps: 32, fec: false },
    prewarm: false,
    idleGraceSeconds: 5,
    viewers: { max: 10, maxSessionMinutes: 0 },
    dataChannel: { enabled: true, open: [], echo: false },
    control: { allowed: ['view', 'snapshot'], operators: [] },
    talk: { enabled: false, mode: 'one', device: 'default', file: '', command: [] },
    twcc: { enabled: true },
    srtp: { preferGcm: false },
    ice: { transportPolicy: 'all', addressFamily: 'any', interfaces: [] },
    storage: { enabled: false, maxBitrateKbps: 1000, serveViewers: false, renewAfterMinutes: 52 },
    ...changes,
    video: {
      codec: 'h264',
      encoder: 'auto',
      keyframeIntervalSeconds: 2,
      renditions: { high: { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 } },
      ...changes.video,
    },
  };
}

export const HIGH_AND_LOW = {
  high: { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 },
  low: { width: 640, height: 360, fps: 15, bitrateKbps: 400 },
};
