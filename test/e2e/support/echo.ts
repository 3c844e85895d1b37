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
  isSame: boolean;
}

/** What is used of the browser's objects; the tests have no DOM types. */
interface PageChannel {
  label: string;
  binaryType: string;
  readyState: string;
  addEventListener(
    type: string,
    listener: (event: { data: string | ArrayBuffer }) => void,
    options: { once: true },
  ): void;
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

/** Runs in the page: opens a channel for each mode, all of them at once, and compares what comes back. */
export async function echoInPage([id, modes, sizes]: readonly [string, ChannelMode[], number[]]): Promise<
  Echo[]
> {
  const { peer, fromDevice = {} } = kvs.tile(id).viewer;
  const one = async (mode: ChannelMode): Promise<Echo[]> => {
    const channel = fromDevice[mode.fromDevice ?? ''] ?? peer.createDataChannel(JSON.stringify(mode), mode);
    channel.binaryType = 'arraybuffer';
    const next = (type: string): Promise<string | ArrayBuffer> =>
      new Promise((resolve) => {
        channel.addEventListener(type, ({ data }) => resolve(data), { once: true });
      });
    if (channel.readyState !== 'open') await next('open');
    const echoes: Echo[] = [];
    // oxlint-disable-next-line unicorn/consistent-function-scoping -- only what is inside goes to the page
    const isSame = (sent: string | Uint8Array, back: string | ArrayBuffer): boolean => {
      if (typeof sent === 'string' || typeof back === 'string') return sent === back;
      const bytes = new Uint8Array(back);
      return bytes.length === sent.length && bytes.every((byte, i) => byte === sent[i]);
    };
    for (const size of sizes) {
      for (const message of ['x'.repeat(size), Uint8Array.from({ length: size }, (_, i) => i)]) {
        const back = next('message');
        channel.send(message);
        const kind = typeof message === 'string' ? 'text' : 'bytes';
        echoes.push({ mode, size, kind, isSame: isSame(message, await back) });
      }
    }
    const closed = next('close');
    channel.close();
    await closed;
    return echoes;
  };
  return (await Promise.all(modes.map(one))).flat();
}
