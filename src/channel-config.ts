import type { CameraConfig } from './config/config.ts';
import { captureOf } from './recording-capture.ts';
import type { Capabilities } from './webrtc/negotiate.ts';

/** What the channel, its viewers' sessions and its loudspeaker are built on. */
export function sessionKeys({
  channelName,
  enabled,
  video,
  audio,
  talk,
  dataChannel,
  twcc,
  ice,
  srtp,
  storage,
}: CameraConfig): unknown {
  return {
    channelName,
    enabled,
    videoCodec: video.codec,
    hasAudio: audio.enabled,
    audioCodec: audio.codec,
    talk,
    dataChannel,
    twcc,
    ice,
    srtp,
    storage,
  };
}

/** What the capture is built on: everything but what is looked up for each viewer and each request. */
export function captureKeys(config: CameraConfig): unknown {
  return { ...config, viewers: undefined, control: undefined };
}

/** What viewers can be served with. */
export function capabilities({ video, audio, dataChannel, twcc }: CameraConfig): Omit<Capabilities, 'talk'> {
  return {
    video: video.codec,
    h264ProfileLevelId: '42e01f',
    audio: audio.enabled ? audio.codec : undefined,
    dataChannel: dataChannel.enabled,
    twcc: twcc.enabled,
  };
}

/** Undefined where the source decides. */
export function wantedFps(config: CameraConfig, rendition: string | undefined): number | undefined {
  const { encoder, renditions } = captureOf(config).config.video;
  return encoder === 'copy' ? undefined : renditions[rendition ?? '']?.fps;
}
