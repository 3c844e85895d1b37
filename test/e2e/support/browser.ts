import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type LaunchOptions, type Page } from 'playwright-core';

export const CHROMIUM: LaunchOptions = {
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Pages in the background must play on: several are open at once.
    '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
    '--autoplay-policy=no-user-gesture-required',
  ],
};

/** Debian's Chromium, headless. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync('/usr/bin/chromium')) throw new Error('no /usr/bin/chromium: run sh test/setup.sh test');
  return chromium.launch(CHROMIUM);
}

/** What `kvs.status()` of the page returns; times are milliseconds since the offer. */
export interface ViewerStatus {
  state: 'connecting' | 'playing' | 'refused' | 'failed' | 'closed';
  reason: string;
  clientId?: string;
  answerMs?: number;
  connectedMs?: number;
  firstFrameMs?: number;
}

interface TrackFigures {
  codec: string;
  codecParameters: string;
  bytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  jitterBufferMs: number;
}

export interface Figures {
  /** `performance.now()` of the page. */
  atMs: number;
  video: TrackFigures & {
    width: number;
    height: number;
    framesPerSecond: number;
    framesReceived: number;
    framesDecoded: number;
    framesDropped: number;
    keyFramesDecoded: number;
    freezeCount: number;
  };
  audio: TrackFigures;
  route: { local: string; remote: string; protocol: string; roundTripMs: number };
  /** By how much the clock of the last sender reports is behind this machine's, milliseconds. */
  senderClockMs: { video?: number; audio?: number };
}

export interface Strip {
  frameNumber: number;
  /** Epoch milliseconds modulo 2³². */
  captureMs: number;
}

/** What `recorder.js` returns; times are epoch milliseconds. */
export interface Recording {
  pictures: { strip: Strip | null; flash: boolean; at: number }[];
  shown: { strip: Strip | null; at: number }[];
  beeps: number[];
}

/** Times are the page's `performance.now()`. */
export interface LagRecord {
  connectedAt: number;
  firstFrameAt: number;
  /** How old each picture was when it was shown. */
  lags: { at: number; lagMs: number }[];
}

/** `frame-strip.js` and `recorder.js`. */
interface StripReader {
  readStrip(frame: PageFrame): Promise<Strip | null>;
  millisecondsSince(captureMs: number, epochMs: number): number;
}

interface PageFrame {
  close(): void;
}
declare const VideoFrame: new (video: PageVideo) => PageFrame;

/** What is used of an HTMLVideoElement; the tests have no DOM types. */
interface PageVideo {
  readonly videoWidth: number;
  requestVideoFrameCallback(callback: (now: number) => void): number;
}

/** `window.kvs` of the page: functions given to `evaluate` run there. */
interface PageApi {
  open(camera: string): Promise<string>;
  close(id: string): void;
  status(id: string): ViewerStatus;
  figures(id: string): Promise<Figures>;
  tile(id: string): {
    viewer: {
      leaveSignaling(): void;
      video: PageVideo;
      timings: { connectedAt: number; firstFrameAt: number };
    };
  };
}
declare const kvs: PageApi;

interface Recorder {
  record(id: string, durationMs: number): Promise<Recording>;
}

const RECORDER = join(import.meta.dirname, 'recorder.js');

/** The viewer page in a tab of its own. */
export class ViewerPage {
  readonly page: Page;
  /** Console errors and uncaught exceptions. */
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
  }

  /** Opens a viewer of a camera; resolves to its id in the page. */
  open(camera: string): Promise<string> {
    return this.page.evaluate((name) => kvs.open(name), camera);
  }

  /** Ends a viewer as a person does: its peer connection is closed. */
  close(id: string): Promise<void> {
    return this.page.evaluate((viewer) => kvs.close(viewer), id);
  }

  leaveSignaling(id: string): Promise<void> {
    return this.page.evaluate((viewer) => kvs.tile(viewer).viewer.leaveSignaling(), id);
  }

  status(id: string): Promise<ViewerStatus> {
    return this.page.evaluate((viewer) => kvs.status(viewer), id);
  }

  figures(id: string): Promise<Figures> {
    return this.page.evaluate((viewer) => kvs.figures(viewer), id);
  }

  /** Resolves to the status once it is one of `states`; rejects after `timeoutMs`, telling where it stands. */
  async waitFor(id: string, states: ViewerStatus['state'][], timeoutMs = 15_000): Promise<ViewerStatus> {
    try {
      await this.page.waitForFunction(
        ([viewer, wanted]) => wanted.includes(kvs.status(viewer).state),
        [id, states] as const,
        { timeout: timeoutMs, polling: 20 },
      );
    } catch (error) {
      const status = JSON.stringify(await this.status(id));
      const text = `viewer ${id} is not ${states.join(' or ')} after ${timeoutMs} ms: ${status}`;
      throw new Error(text, { cause: error });
    }
    return this.status(id);
  }

  /** Resolves when the viewer plays again, in another session than that of `clientId`. */
  async waitForReturn(id: string, clientId: string, timeoutMs = 30_000): Promise<void> {
    await this.page.waitForFunction(
      ([viewer, former]) => {
        const { state, clientId: present } = kvs.status(viewer);
        return state === 'playing' && present !== former;
      },
      [id, clientId] as const,
      { timeout: timeoutMs, polling: 50 },
    );
  }

  /** Opens a viewer and waits for its first picture. */
  async play(camera: string): Promise<{ id: string; status: ViewerStatus }> {
    const id = await this.open(camera);
    return { id, status: await this.waitFor(id, ['playing']) };
  }

  /** Waits until `count` pictures were decoded, counted from now or from earlier figures. */
  async waitForFrames(id: string, count: number, since?: Figures, timeoutMs = 15_000): Promise<void> {
    const { video } = since ?? (await this.figures(id));
    const target = video.framesDecoded + count;
    const decoded = await this.page.evaluate(waitForDecoded, [id, target, timeoutMs] as const);
    if (decoded >= target) return;
    throw new Error(`viewer ${id} has decoded ${decoded} of ${target} frames after ${timeoutMs} ms`);
  }

  /** Resolves when the picture shown has this width; rejects after `timeoutMs`. */
  async waitForWidth(id: string, width: number, timeoutMs = 15_000): Promise<void> {
    await this.page.waitForFunction(
      ([viewer, wanted]) => kvs.tile(viewer).viewer.video.videoWidth === wanted,
      [id, width] as const,
      { timeout: timeoutMs, polling: 10 },
    );
  }

  /** Reads the age of every picture shown, from the first one on; times are the page's `performance.now()`. */
  async watchLag(id: string, durationMs: number): Promise<LagRecord> {
    await this.page.route('**/recorder.js', (route) => route.fulfill({ path: RECORDER }));
    return this.page.evaluate(watchLagInPage, [id, durationMs, '/recorder.js', '/frame-strip.js'] as const);
  }

  /** Watches and listens to a playing viewer. */
  async record(id: string, durationMs: number): Promise<Recording> {
    await this.page.route('**/recorder.js', (route) => route.fulfill({ path: RECORDER }));
    return this.page.evaluate(
      async ([script, viewer, forMs]) => {
        const recorder: Recorder = await import(script);
        return recorder.record(viewer, forMs);
      },
      ['/recorder.js', id, durationMs] as const,
    );
  }
}

/** Runs in the page. */
async function watchLagInPage([id, durationMs, ...scripts]: readonly [
  string,
  number,
  string,
  string,
]): Promise<LagRecord> {
  const modules: StripReader[] = await Promise.all(scripts.map((script) => import(script)));
  const { readStrip, millisecondsSince } = Object.assign({}, ...modules);
  const { video, timings } = kvs.tile(id).viewer;
  const lags: Promise<{ at: number; lagMs: number } | undefined>[] = [];
  const age = async (at: number, frame: PageFrame) => {
    const shownAt = performance.timeOrigin + performance.now();
    const strip = await readStrip(frame);
    frame.close();
    return strip ? { at, lagMs: millisecondsSince(strip.captureMs, shownAt) } : undefined;
  };
  await new Promise<void>((resolve, reject) => {
    setTimeout(() => reject(new Error('the picture stands still')), durationMs + 15_000);
    let until = Infinity;
    const look = (now: number) => {
      until = Math.min(until, now + durationMs);
      lags.push(age(now, new VideoFrame(video)));
      if (now < until) video.requestVideoFrameCallback(look);
      else resolve();
    };
    video.requestVideoFrameCallback(look);
  });
  const read = (await Promise.all(lags)).filter((each) => each !== undefined);
  return { connectedAt: timings.connectedAt, firstFrameAt: timings.firstFrameAt, lags: read };
}

/** Runs in the page: resolves to the number of decoded frames, `target` or more unless the time is over. */
async function waitForDecoded([id, target, timeoutMs]: readonly [string, number, number]): Promise<number> {
  for (const until = performance.now() + timeoutMs; ;) {
    const { framesDecoded } = (await kvs.figures(id)).video;
    if (framesDecoded >= target || performance.now() > until) return framesDecoded;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}

/** Opens the viewer page; nothing plays until asked to, unless `query` says so. */
export async function openViewerPage(browser: Browser, url: string, query = '?play=0'): Promise<ViewerPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const viewerPage = new ViewerPage(await context.newPage());
  await viewerPage.page.goto(url + query);
  await viewerPage.page.waitForFunction(() => 'kvs' in globalThis);
  return viewerPage;
}
