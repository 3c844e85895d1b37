/**
 * What the console costs: its wall of nine 720p cameras against a page that only plays them, in the same places; interleaved.
 *   node test/bench/console.ts [rounds]
 * Fails where a tile plays below 25 pictures a second (below 0.9 of the other page's, where that is too much for this
 * machine's decoder), or where the console costs over 10 % more processor time for each picture.
 */
import type { Page } from 'playwright-core';
import { startSite } from '../cloud/site.ts';
import { launchBrowser } from '../e2e/support/browser.ts';
import { median, table } from './support/figures.ts';
import { prepareMedia } from './support/media-file.ts';
import { allPlaying, measurePage, type PageLoad } from './support/page-load.ts';
import { openPlayOnly, type Place } from './support/play-only.ts';

const ROUNDS = Number(process.argv[2] ?? 4);
const TILES = 9;
const KBPS = 1500;
/** Jitter buffers and the first group of pictures are over. */
const SETTLE_MS = 3000;
const MEASURE_MS = 6000;
const CONNECT_TIMEOUT_MS = 60_000;
const VIEWPORT = { width: 1920, height: 1080 };
const MIN_FPS = 25;
const MIN_FPS_RATIO = 0.9;
const MAX_CPU_RATIO = 1.1;

/** What is used of an element; there are no DOM types here. */
interface PageElement {
  readonly dataset: { camera: string };
  querySelector(selector: 'video'): PageElement;
  getBoundingClientRect(): Omit<Place, 'camera'>;
}
declare const document: { querySelectorAll(selector: '.tile'): Iterable<PageElement> };

// The cameras are passed through: nothing is encoded while pages are measured.
const media = await prepareMedia(KBPS);
const camera = { source: { type: 'file', path: media.moviePath }, video: { encoder: 'copy' }, prewarm: true };
const cameras = Object.fromEntries(
  Array.from({ length: TILES }, (_, index) => [`camera-${index + 1}`, camera]),
);
const browser = await launchBrowser();
const site = await startSite({ cameras, cloud: { iotCore: true } });
const { url } = site.console;

function openConsole(page: Page) {
  return page.goto(url);
}

async function inNewPage<T>(
  open: (page: Page) => Promise<unknown>,
  use: (page: Page) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    await open(page);
    await allPlaying(page, TILES);
    return await use(page);
  } finally {
    await context.close();
  }
}

async function measure(open: (page: Page) => Promise<unknown>): Promise<PageLoad> {
  return inNewPage(open, async (page) => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return measurePage(browser, page, MEASURE_MS);
  });
}

/** Where the wall shows each camera. */
function placesOnWall(page: Page): Promise<Place[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.tile')].map((tile) => {
      const { left, top, width, height } = tile.querySelector('video').getBoundingClientRect();
      return { camera: tile.dataset.camera, left, top, width, height };
    }),
  );
}

const loads: Record<'console' | 'play', PageLoad[]> = { console: [], play: [] };
try {
  await site.masterConnected(undefined, CONNECT_TIMEOUT_MS);
  const places = await inNewPage(openConsole, placesOnWall);
  const runs = {
    console: () => measure(openConsole),
    play: () => measure((page) => openPlayOnly(page, url, places)),
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each is as often first as second.
    const order = round % 2 === 0 ? (['play', 'console'] as const) : (['console', 'play'] as const);
    for (const name of order) loads[name].push(await runs[name]());
  }
} finally {
  await browser.close();
  await site.close();
}

const of = (name: 'console' | 'play', pick: (load: PageLoad) => number) => median(loads[name].map(pick));
const slowest = ({ fps }: PageLoad) => Math.min(...fps);
const rows = (['play', 'console'] as const).map((name) => [
  name === 'play' ? 'a page that only plays' : 'the console',
  of(name, slowest),
  of(name, ({ fps }) => median(fps)),
  of(name, ({ cpuMs }) => cpuMs / 10),
  of(name, ({ cpuMsPerFrame }) => cpuMsPerFrame).toFixed(2),
]);
const header = [`${TILES} × 720p30`, 'fps, slowest', 'fps, median', '% of a core', 'CPU ms a picture'];
process.stdout.write(`${table(header, rows)}\n`);

const playFps = of('play', slowest);
const minFps = playFps >= MIN_FPS ? MIN_FPS : MIN_FPS_RATIO * playFps;
const cpuRatio =
  of('console', ({ cpuMsPerFrame }) => cpuMsPerFrame) / of('play', ({ cpuMsPerFrame }) => cpuMsPerFrame);
const isWithin = of('console', slowest) >= minFps && cpuRatio <= MAX_CPU_RATIO;
process.stdout.write(
  `${isWithin ? 'within' : 'ABOVE'} the bounds: slowest tile ${of('console', slowest).toFixed(1)} pictures a second ` +
    `(at least ${minFps.toFixed(1)}), processor time ${cpuRatio.toFixed(3)} of the other page's (at most ${MAX_CPU_RATIO})\n`,
);
process.exitCode = isWithin ? 0 : 1;
