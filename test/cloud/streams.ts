import { randomBytes } from 'node:crypto';

/** A video stream's description, as the control plane keeps it. */
export interface Stream {
  name: string;
  arn: string;
  /** Epoch milliseconds. */
  createdAt: number;
  retentionHours: number;
  mediaType: string;
  version: string;
  /** How many more descriptions still say CREATING. */
  creating: number;
}

const ACCOUNT = '123456789012';

export class Streams {
  readonly #byName = new Map<string, Stream>();
  readonly #region: string;

  constructor(region: string) {
    this.#region = region;
  }

  /** Throws where the name is taken. It is described as CREATING once, as AWS may. */
  create(name: string, retentionHours: number, mediaType = ''): Stream {
    if (this.#byName.has(name)) throw new Error(`the stream ${name} exists already`);
    const createdAt = Date.now();
    const arn = `arn:aws:kinesisvideo:${this.#region}:${ACCOUNT}:stream/${name}/${createdAt}`;
    const stream = { name, arn, createdAt, retentionHours, mediaType, version: newVersion(), creating: 1 };
    this.#byName.set(name, stream);
    return stream;
  }

  find({ name, arn }: { name: string; arn: string }): Stream | undefined {
    if (name !== '') return this.#byName.get(name);
    return [...this.#byName.values()].find((stream) => stream.arn === arn);
  }

  changed(stream: Stream): void {
    stream.version = newVersion();
  }
}

function newVersion(): string {
  return randomBytes(10).toString('hex');
}
