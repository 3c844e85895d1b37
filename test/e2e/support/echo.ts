/** As `RTCPeerConnection.createDataChannel` takes them. */
export interface ChannelMode {
  ordered?: boolean;
  maxRetransmits?: number;
  maxPacketLifeTime?: number;
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
declare const kvs: {
  tile(id: string): {
    viewer: { peer: { createDataChannel(label: string, mode: ChannelMode): PageChannel } };
  };
};

/** Runs in the page: opens a channel for each mode, all of them at once, and compares what comes back. */
export async function echoInPage([id, modes, sizes]: readonly [string, ChannelMode[], number[]]): Promise<
  Echo[]
> {
  const { peer } = kvs.tile(id).viewer;
  const one = async (mode: ChannelMode): Promise<Echo[]> => {
    const channel = peer.createDataChannel(JSON.stringify(mode), mode);
    channel.binaryType = 'arraybuffer';
    const next = (type: string): Promise<string | ArrayBuffer> =>
      new Promise((resolve) => {
        channel.addEventListener(type, ({ data }) => resolve(data), { once: true });
      });
    await next('open');
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
