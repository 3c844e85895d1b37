import { randomBytes } from 'node:crypto';

export type SignalingRole = 'MASTER' | 'VIEWER';

/** A signaling channel's description, as the control plane keeps it. */
export interface Channel {
  name: string;
  arn: string;
  /** Epoch milliseconds. */
  createdAt: number;
  /** Undelivered messages are kept this long (5–120 s at AWS). */
  messageTtlSeconds: number;
  version: string;
  /** ARN of the stream that media storage writes to; empty: storage is disabled. */
  storageStreamArn: string;
}

const ACCOUNT = '123456789012';

export class Channels {
  readonly #byName = new Map<string, Channel>();
  readonly #region: string;

  constructor(region: string) {
    this.#region = region;
  }

  /** Throws where the name is taken. */
  create(name: string, messageTtlSeconds = 60): Channel {
    if (this.#byName.has(name)) throw new Error(`the channel ${name} exists already`);
    const createdAt = Date.now();
    const arn = `arn:aws:kinesisvideo:${this.#region}:${ACCOUNT}:channel/${name}/${createdAt}`;
    const version = randomBytes(10).toString('hex');
    const channel = { name, arn, createdAt, messageTtlSeconds, version, storageStreamArn: '' };
    this.#byName.set(name, channel);
    return channel;
  }

  byName(name: string): Channel | undefined {
    return this.#byName.get(name);
  }

  byArn(arn: string): Channel | undefined {
    for (const channel of this.#byName.values()) if (channel.arn === arn) return channel;
    return undefined;
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  enableStorage(name: string): void {
    const channel = this.#byName.get(name);
    if (!channel) throw new Error(`no channel ${name}`);
    channel.storageStreamArn = `arn:aws:kinesisvideo:${this.#region}:${ACCOUNT}:stream/${name}/${channel.createdAt}`;
  }
}
