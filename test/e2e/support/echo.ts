/** As `RTCPeerConnection.createDataChannel` takes them. */
export interface ChannelMode {
  ordered?: boolean;
  maxRetransmits?: number;
  maxPacketLifeTime?: number;
  /** Of a channel that the device opens: it is taken instead. */
  fromDevice?: string;
}

export const CHANNEL_MODES: ChannelMode[] = [
  {},
  { ordered: false },
  { maxRetransmits: 2 },
  { ordered: false, maxPacketLifeTime: 2_000 },
];

export interface Echo {
  mode: ChannelMode;
  size: number;
  kind: string;
  /** Lost: what was sent after it came back, and it did not. */
  back: 'same' | 'changed' | 'lost';
}

/** Larger ones than a socket's buffers hold may be lost with the best network, where the mode lets them. */
const CERTAIN_BYTES = 16_384;

export function mayLose({ mode, size }: Echo): boolean {
  const isLimited = mode.maxRetransmits !== undefined || mode.maxPacketLifeTime !== undefined;
  return isLimited && size > CERTAIN_BYTES;
}

/** What is used of the browser's objects; the tests have no DOM types. */
interface PageChannel {
  label: string;
  binaryType: string;
  readyState: string;
  addEventListener(type: string, listener: (event: { data: string | ArrayBuffer }) => void): void;
  send(data: string | Uint8Array): void;
  close(): void;
}
interface PageViewer {
  peer: {
    createDataChannel(label: string, mode: ChannelMode): PageChannel;
    addEventListener(type: string, listener: (event: { channel: PageChannel }) => void): void;
  };
  /** By label. */
  fromDevice?: Record<string, PageChannel>;
}
declare const kvs: {
  open(camera: string): Promise<string>;
  tile(id: string): { viewer: PageViewer };
};

/** Runs in the page: opens a viewer that keeps the channels that the device opens; resolves to its id. */
export async function openAndKeepChannels(camera: string): Promise<string> {
  const id = await kvs.open(camera);
  const { viewer } = kvs.tile(id);
  const channels: Record<string, PageChannel> = {};
  viewer.fromDevice = channels;
  viewer.peer.addEventListener('datachannel', ({ channel }) => (channels[channel.label] = channel));
  return id;
}

/** Runs in the page. */
export function hasChannel([id, label]: readonly [string, string]): boolean {
  return kvs.tile(id).viewer.fromDevice?.[label]?.readyState === 'open';
}

/**
 * Runs in the page: opens a channel for each mode, all of them at once, and compares what comes back.
 * @throws Error when it takes longer than `limitMs`, with what each channel waits for.
 */
export async function echoInPage([id, modes, sizes, limitMs]: readonly [
  string,
  ChannelMode[],
  number[],
  number,
]): Promise<Echo[]> {
  const { peer, fromDevice = {} } = kvs.tile(id).viewer;
  const steps = new Map<ChannelMode, string>();
  // oxlint-disable unicorn/consistent-function-scoping -- only what is inside goes to the page
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const compare = (sent: string | Uint8Array, back: string | ArrayBuffer | undefined): Echo['back'] => {
    if (back === undefined) return 'lost';
    if (typeof sent === 'string' || typeof back === 'string') return sent === back ? 'same' : 'changed';
    const bytes = new Uint8Array(back);
    return bytes.length === sent.length && bytes.every((byte, i) => byte === sent[i]) ? 'same' : 'changed';
  };
  // oxlint-enable
  const one = async (mode: ChannelMode): Promise<Echo[]> => {
    const channel = fromDevice[mode.fromDevice ?? ''] ?? peer.createDataChannel(JSON.stringify(mode), mode);
    channel.binaryType = 'arraybuffer';
    const mark = 'mark';
    const lifeMs = mode.maxPacketLifeTime;
    const event = (type: string): Promise<unknown> =>
      new Promise((resolve) => channel.addEventListener(type, resolve));
    let tell: { back(data: string | ArrayBuffer): void; marked(): void } | undefined;
    channel.addEventListener('message', ({ data }) => (data === mark ? tell?.marked() : tell?.back(data)));

    /** Undefined when it is lost: a mark that was sent later has come back, and its time is over on both ways. */
    const echo = async (message: string | Uint8Array): Promise<string | ArrayBuffer | undefined> => {
      const back = Promise.withResolvers<string | ArrayBuffer | undefined>();
      const marked = Promise.withResolvers<void>();
      tell = { back: back.resolve, marked: marked.resolve };
      channel.send(message);
      if (lifeMs === undefined && mode.maxRetransmits === undefined) return back.promise;
      const marks = setInterval(() => channel.send(mark), 250);
      void marked.promise.then(() => pause(2 * (lifeMs ?? 0))).then(() => back.resolve(undefined));
      return back.promise.finally(() => clearInterval(marks));
    };

    steps.set(mode, 'open');
    if (channel.readyState !== 'open') await event('open');
    const echoes: Echo[] = [];
    for (const size of sizes) {
      for (const message of ['x'.repeat(size), Uint8Array.from({ length: size }, (_, i) => i)]) {
        const kind = typeof message === 'string' ? 'text' : 'bytes';
        steps.set(mode, `${size} ${kind}`);
        echoes.push({ mode, size, kind, back: compare(message, await echo(message)) });
      }
    }
    steps.set(mode, 'close');
    const closed = event('close');
    channel.close();
    await closed;
    steps.delete(mode);
    return echoes;
  };
  const limit = pause(limitMs).then(() => {
    const waiting = [...steps].map(([mode, step]) => `${JSON.stringify(mode)}: ${step}`);
    throw new Error(`not within ${limitMs} ms: ${waiting.join(', ')}`);
  });
  return Promise.race([Promise.all(modes.map(one)), limit]).then((echoes) => echoes.flat());
}
