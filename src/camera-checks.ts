import type { CameraStatus } from './camera/camera-health.ts';
import { Camera } from './camera/camera.ts';
import { ffmpegAt } from './camera/ffmpeg-probe.ts';
import type { AgentConfig, CameraConfig } from './config/config.ts';
import { cameraCure } from './doctor/camera-cure.ts';
import { checkDeviceNode } from './doctor/device-node.ts';
import { found, type Finding } from './doctor/finding.ts';
import { errorText } from './errors.ts';
import { readLogin } from './identity/secrets.ts';
import type { Log } from './log.ts';
import { within, type Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';

export interface CameraCheckOptions {
  config: AgentConfig;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: Log;
}

const PICTURE_TIMEOUT_MS = 20_000;

/** That ffmpeg runs, and has an encoder for every camera. */
export async function ffmpegCheck({ config, clock }: CameraCheckOptions): Promise<Finding[]> {
  const ffmpeg = ffmpegAt(config.ffmpeg.path, clock);
  const { versionText, encoders } = await ffmpeg.capabilities();
  const findings = [found('ffmpeg', 'pass', `ffmpeg ${versionText}`)];
  const wanted = new Map(
    Object.values(config.cameras).map(({ video }) => [`${video.codec} ${video.encoder}`, video]),
  );
  for (const { codec, encoder } of wanted.values()) {
    if (encoder === 'copy') continue;
    try {
      const name = encoder === 'auto' ? await ffmpeg.autoEncoder(codec) : encoder;
      if (!encoders.has(name)) throw new Error(`this ffmpeg has no encoder "${name}" (video.encoder)`);
      findings.push(found('encoder', 'pass', `${codec}: ${name}`));
    } catch (error) {
      findings.push(found('encoder', 'fail', errorText(error), cameraCure('no encoder')));
    }
  }
  return findings;
}

/** Captures as the agent does until the first picture. An agent that uses the camera at the moment makes it busy. */
export async function cameraTrial(
  name: string,
  config: CameraConfig,
  options: CameraCheckOptions,
): Promise<Finding[]> {
  const check = `camera ${name}`;
  if (!config.enabled) return [found(check, 'skip', 'switched off (enabled is false)')];
  if (config.source.type === 'v4l2') {
    const findings = await checkDeviceNode(check, config.source.device);
    if (findings.length > 0) return findings;
  }
  const { state, reason = '', tracks } = await firstPicture(name, config, options);
  if (state !== 'streaming') return [found(check, 'fail', reason || 'no picture', cameraCure(reason))];
  const shown = Object.entries(tracks).map(([track, info]) => `${track} ${trackText(info)}`);
  const text = `${config.source.type}: ${shown.join(', ')}`;
  if (!Object.values(tracks).some(({ reordered }) => reordered)) return [found(check, 'pass', text)];
  const cure = 'switch B-frames off in the camera, or set video.encoder to "auto"';
  return [found(check, 'warn', `${text}, with B-frames: pictures will stutter`, cure)];
}

/** The camera's state when it had a picture, or had failed. */
async function firstPicture(
  name: string,
  config: CameraConfig,
  { config: { ffmpeg, secrets }, env, clock, random, log }: CameraCheckOptions,
): Promise<CameraStatus> {
  const camera = new Camera({
    name,
    config,
    ffmpegPath: ffmpeg.path,
    resolveCredentials: (ref, host) => readLogin({ secrets, env }, ref, host),
    clock,
    random,
    log,
  });
  const stop = new AbortController();
  const decided = new Promise<CameraStatus>((resolve) => {
    camera.onStatus((status) => {
      if (status.state === 'streaming' || status.state === 'failed') resolve(status);
    });
  });
  camera.acquire();
  const running = camera.run(stop.signal);
  try {
    return await within(clock, PICTURE_TIMEOUT_MS, 'no picture', decided);
  } finally {
    stop.abort();
    await running;
  }
}

function trackText({ codec, width, height }: CameraStatus['tracks'][string]): string {
  return width === undefined ? codec : `${codec} ${width}x${height}`;
}
