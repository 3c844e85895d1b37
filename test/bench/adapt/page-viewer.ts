import type { Browser, Page } from 'playwright-core';

/** What Chromium says of the picture; counters since the start. */
export interface PageFigures {
  framesDecoded: number;
  freezeCount: number;
  totalFreezesMs: number;
  width: number;
  packetsLost: number;
  nackCount: number;
  bytesReceived: number;
  jitterBufferMs: number;
  /** Of each picture shown since the last reading: how much later than by its timestamp, over an unknown constant. */
  lateMs: number[];
}

/** What Chromium says of the sound; counters since the start. */
export interface SoundFigures {
  packets: number;
  packetsLost: number;
  /** Samples made up for what did not come. */
  concealed: number;
  /** How often that began. */
  events: number;
  samples: number;
  /** Packets put together from the in-band FEC of others. */
  fecPackets: number;
}

/** What is used of the page's RTCPeerConnection; the tests have no DOM types. */
interface PagePeer {
  iceGatheringState: string;
  localDescription: { sdp: string };
  addTransceiver(kind: string, options: object): void;
  createOffer(): Promise<object>;
  setLocalDescription(description: object): Promise<void>;
  setRemoteDescription(description: object): Promise<void>;
  close(): void;
  addEventListener(
    type: string,
    listener: (event: { track: { kind: string }; streams: unknown[] }) => void,
  ): void;
  getStats(): Promise<Map<string, Record<string, number | string>>>;
}
declare const peer: PagePeer;
declare const late: { ms: number[] };

interface PageVideo {
  srcObject: unknown;
  requestVideoFrameCallback(
    shown: (nowMs: number, frame: { presentationTime: number; rtpTimestamp?: number }) => void,
  ): void;
}

/** A viewer in a page of its own, without signaling: its offer and its answer are handed on by hand. */
export class PageViewer {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async open(browser: Browser): Promise<PageViewer> {
    const page = await browser.newPage();
    await page.setContent('<video autoplay muted playsinline width=320></video>');
    return new PageViewer(page);
  }

  /** With all candidates. */
  offer(): Promise<string> {
    return this.#page.evaluate(makeOffer);
  }

  accept(answer: string): Promise<void> {
    return this.#page.evaluate((sdp) => peer.setRemoteDescription({ type: 'answer', sdp }), answer);
  }

  figures(): Promise<PageFigures> {
    return this.#page.evaluate(readFigures);
  }

  sound(): Promise<SoundFigures> {
    return this.#page.evaluate(readSound);
  }

  async close(): Promise<void> {
    await this.#page.evaluate(() => peer.close());
    await this.#page.close();
  }
}

/** Runs in the page. */
async function makeOffer(): Promise<string> {
  const scope: { RTCPeerConnection?: new () => PagePeer; peer?: PagePeer } & Record<string, unknown> =
    globalThis;
  const made = new scope.RTCPeerConnection!();
  scope.peer = made;
  made.addTransceiver('video', { direction: 'recvonly' });
  made.addTransceiver('audio', { direction: 'recvonly' });
  made.addEventListener('track', ({ track, streams }) => {
    if (track.kind !== 'video') return;
    const document: { querySelector(name: string): PageVideo } = Reflect.get(globalThis, 'document');
    const video = document.querySelector('video');
    video.srcObject = streams[0];
    const lateness = { ms: [] as number[] };
    scope['late'] = lateness;
    let first: number | undefined;
    const shown = (
      _: number,
      {
        presentationTime,
        rtpTimestamp = 0,
      }: Parameters<Parameters<PageVideo['requestVideoFrameCallback']>[0]>[1],
    ) => {
      first ??= rtpTimestamp;
      lateness.ms.push(presentationTime - ((rtpTimestamp - first) | 0) / 90);
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
  });
  await made.setLocalDescription(await made.createOffer());
  if (made.iceGatheringState !== 'complete')
    await new Promise<void>((resolve) => {
      made.addEventListener(
        'icegatheringstatechange',
        () => made.iceGatheringState === 'complete' && resolve(),
      );
    });
  return made.localDescription.sdp;
}

/** Runs in the page. */
async function readFigures(): Promise<PageFigures> {
  const entries = [...(await peer.getStats()).values()];
  const video = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video') ?? {};
  const count = (name: string) => Number(video[name] ?? 0);
  return {
    framesDecoded: count('framesDecoded'),
    freezeCount: count('freezeCount'),
    totalFreezesMs: 1000 * count('totalFreezesDuration'),
    width: count('frameWidth'),
    packetsLost: count('packetsLost'),
    nackCount: count('nackCount'),
    bytesReceived: count('bytesReceived'),
    lateMs: typeof late === 'undefined' ? [] : late.ms.splice(0),
    jitterBufferMs: (1000 * count('jitterBufferDelay')) / Math.max(1, count('jitterBufferEmittedCount')),
  };
}

/** Runs in the page. */
async function readSound(): Promise<SoundFigures> {
  const entries = [...(await peer.getStats()).values()];
  const sound = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio') ?? {};
  const count = (name: string) => Number(sound[name] ?? 0);
  return {
    packets: count('packetsReceived'),
    packetsLost: count('packetsLost'),
    concealed: count('concealedSamples'),
    events: count('concealmentEvents'),
    samples: count('totalSamplesReceived'),
    fecPackets: count('fecPacketsReceived'),
  };
}
