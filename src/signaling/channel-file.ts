import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../runtime/random.ts';
import type { ChannelEndpoints } from './control-plane.ts';

/** A channel as the service described it. */
export interface KnownChannel {
  channelArn: string;
  endpoints: ChannelEndpoints;
  /** Epoch milliseconds on the device's clock; to be asked for again afterwards. */
  expiresAtMs: number;
}

/**
 * One channel's ARN and endpoints on disk, so that a restart (of a whole fleet, perhaps) makes no Describe and no
 * GetEndpoint call. Nothing in it is secret.
 */
export class ChannelFile {
  readonly #directory: string;
  readonly #path: string;
  readonly #random: Random;

  /** `identity`: everything that makes the channel another one (region, endpoint, name). */
  constructor(stateDirectory: string, identity: readonly string[], random: Random) {
    const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
    this.#directory = join(stateDirectory, 'channels');
    this.#path = join(this.#directory, `${name}.json`);
    this.#random = random;
  }

  /** Undefined where there is none or it makes no sense (a half-written file, another version's). */
  async load(): Promise<KnownChannel | undefined> {
    try {
      return knownChannel(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Atomic: a reader, also after a power cut, finds the old content or the new. */
  async store(channel: KnownChannel): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const temporary = `${this.#path}.${this.#random.uint32().toString(16)}.tmp`;
    try {
      await writeFile(temporary, JSON.stringify(channel), { flush: true });
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function knownChannel(value: unknown): KnownChannel | undefined {
  if (!isRecord(value) || !isRecord(value['endpoints'])) return undefined;
  const { channelArn, expiresAtMs, endpoints } = value;
  const { wss, https, webrtc } = value['endpoints'];
  if (typeof channelArn !== 'string' || !channelArn.startsWith('arn:')) return undefined;
  if (typeof expiresAtMs !== 'number' || endpoints === undefined) return undefined;
  if (!isUrl(wss, 'wss:') || !isUrl(https, 'https:')) return undefined;
  const storage = isUrl(webrtc, 'https:') ? { webrtc } : {};
  return { channelArn, endpoints: { wss, https, ...storage }, expiresAtMs };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isUrl(value: unknown, protocol: string): value is string {
  return typeof value === 'string' && URL.parse(value)?.protocol === protocol;
}
