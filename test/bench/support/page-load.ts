import type { Browser, Page } from 'playwright-core';

/** What a page with videos did in a while. */
export interface PageLoad {
  /** Of each video, pictures presented a second. */
  fps: number[];
  /** Processor time of the whole browser, in milliseconds a second. */
  cpuMs: number;
  /** The same for each presented picture. */
  cpuMsPerFrame: number;
}

/** What is used of an HTMLVideoElement; there are no DOM types here. */
interface PageVideo {
  getVideoPlaybackQuality(): { totalVideoFrames: number; droppedVideoFrames: number };
}
declare const document: { querySelectorAll(selector: 'video'): Iterable<PageVideo> };

interface Reading {
  atMs: number;
  /** Presented so far by each video. */
  frames: number[];
  cpuMs: number;
}

/** Resolves when `count` videos have shown a picture. */
export async function allPlaying(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => {
      const videos = [...document.querySelectorAll('video')];
      const shown = videos.map((video) => video.getVideoPlaybackQuality().totalVideoFrames);
      return shown.filter((frames) => frames > 0).length === wanted;
    },
    count,
    { timeout: 30_000, polling: 100 },
  );
}

/** The page must be the only one that does anything in this browser. */
export async function measurePage(browser: Browser, page: Page, durationMs: number): Promise<PageLoad> {
  const before = await read(browser, page);
  // What is measured is this time, it is no wait for something.
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  const after = await read(browser, page);
  const seconds = (after.atMs - before.atMs) / 1000;
  const frames = after.frames.map((count, index) => count - (before.frames[index] ?? 0));
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    fps: frames.map((count) => count / seconds),
    cpuMs: cpuMs / seconds,
    cpuMsPerFrame: cpuMs / frames.reduce((sum, count) => sum + count, 0),
  };
}

async function read(browser: Browser, page: Page): Promise<Reading> {
  const [{ atMs, frames }, cpuMs] = await Promise.all([page.evaluate(readFrames), browserCpuMs(browser)]);
  return { atMs, frames, cpuMs };
}

/** Runs in the page. */
function readFrames(): { atMs: number; frames: number[] } {
  const frames = [...document.querySelectorAll('video')].map((video) => {
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
    return totalVideoFrames - droppedVideoFrames;
  });
  return { atMs: performance.now(), frames };
}

/** Of every process of the browser, since their starts. */
async function browserCpuMs(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
}
