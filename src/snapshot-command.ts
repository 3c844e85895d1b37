import { ControlError } from './control/control-message.ts';
import type { Jpeg } from './control/snapshot.ts';
import type { SnapshotUpload } from './control/snapshot-upload.ts';
import type { JsonObject } from './config/layers.ts';
import { errorText } from './errors.ts';
import { BadCommandError, type Command } from './iot/commands.ts';

export interface SnapshotCommandOptions {
  /** By name; undefined where there is no such camera. */
  camera: (name: string) => { snapshot(params: JsonObject): Promise<Jpeg> } | undefined;
  /** Of what is sent over MQTT. */
  maxKilobytes: number;
  upload: SnapshotUpload;
}

/**
 * `{"camera", "width", "quality", "url"}` → `{"camera", "type", "bytes", "capturedAt"}`, and the JPEG over MQTT in
 * pieces, or put to `url`.
 */
export function snapshotCommand({ camera, maxKilobytes, upload }: SnapshotCommandOptions): Command {
  return async ({ camera: name, url: address, ...params }) => {
    const channel = typeof name === 'string' ? camera(name) : undefined;
    if (typeof name !== 'string' || !channel) throw new BadCommandError('"camera" must name a camera');
    const url = address === undefined ? undefined : checked(() => upload.check(address));
    const { data, captureTimeMs } = await channel.snapshot(params).catch(blame);
    const result = {
      camera: name,
      type: 'image/jpeg',
      bytes: data.length,
      capturedAt: Math.round(captureTimeMs),
    };
    if (url) {
      await upload.put(url, data);
      return { result };
    }
    if (data.length > 1024 * maxKilobytes) {
      const cure = 'ask for a smaller width or quality, or give a url; commands.snapshotMaxKilobytes';
      throw new BadCommandError(`the picture has ${data.length} bytes: ${cure}`, 'too-large');
    }
    return { result, attachment: data };
  };
}

function checked<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new BadCommandError(errorText(error));
  }
}

function blame(error: unknown): never {
  throw error instanceof ControlError && error.code === 'bad-params'
    ? new BadCommandError(error.message)
    : error;
}
