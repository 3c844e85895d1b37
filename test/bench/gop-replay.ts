/**
 * Joining in the middle of a GOP, in Chromium: connected to first picture, connected to the live edge, freezes; for GOPs of 4 and 10 s,
 * at random phases.
 *   node test/bench/gop-replay.ts [joins for each GOP length]
 * Fails above the bounds: first picture 60 ms after connected (median), live edge after 250 ms (4 s GOP) and 700 ms (10 s GOP), no
 * freeze counted.
 */
import { launchBrowser, openViewerPage, type ViewerPage } from '../e2e/support/browser.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { median, quantile, table } from './support/figures.ts';

const JOINS = Number(process.argv[2] ?? 10);
const CASES = [
  { gopSeconds: 4, maxLiveMs: 250 },
  { gopSeconds: 10, maxLiveMs: 700 },
];
const MAX_FIRST_PICTURE_MS = 60;
/** A picture shown this soon after its capture is live; the steady state is about 60. */
const LIVE_LAG_MS = 130;
const WATCH_MS = 2_000;

interface Join {
  firstPictureMs: number;
  liveMs: number;
  freezes: number;
}

/** One camera at a time: two encoders and a decoder that catches up would share two cores. */
function startCamera(gopSeconds: number): Promise<Site> {
  return startSite({
    cameras: {
      front: {
        source: { type: 'test' },
        prewarm: true,
        video: {
          keyframeIntervalSeconds: gopSeconds,
          renditions: { high: { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 } },
        },
      },
    },
  });
}

/** Opens a viewer and watches it from its first picture on. */
async function join(page: ViewerPage): Promise<Join> {
  const id = await page.open('front');
  const seen = await page.watchLag(id, WATCH_MS);
  const { video } = await page.figures(id);
  await page.close(id);
  const live = seen.lags.find(({ lagMs }) => lagMs <= LIVE_LAG_MS);
  return {
    firstPictureMs: seen.firstFrameAt - seen.connectedAt,
    liveMs: (live?.at ?? Infinity) - seen.connectedAt,
    freezes: video.freezeCount,
  };
}

async function joinMany(page: ViewerPage, gopSeconds: number): Promise<Join[]> {
  await page.close((await page.play('front')).id);
  const joins: Join[] = [];
  for (let i = 0; i < JOINS; i += 1) {
    // A random phase of the GOP is what is measured over.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * gopSeconds * 1000));
    joins.push(await join(page));
  }
  return joins;
}

function row(name: string, values: number[]): (string | number)[] {
  return [name, quantile(values, 0), median(values), quantile(values, 0.95), quantile(values, 1)];
}

/** Prints a case; true where it is within its bounds. */
function report(joins: readonly Join[], gopSeconds: number, maxLiveMs: number): boolean {
  const first = joins.map(({ firstPictureMs }) => firstPictureMs);
  const live = joins.map(({ liveMs }) => liveMs);
  const freezes = joins.map((each) => each.freezes);
  const rows = [
    row('connected to first picture', first),
    row('connected to live edge', live),
    row('freezes', freezes),
  ];
  const within =
    median(first) <= MAX_FIRST_PICTURE_MS && median(live) <= maxLiveMs && Math.max(...freezes) === 0;
  const bounds = `first picture ${MAX_FIRST_PICTURE_MS}, live edge ${maxLiveMs} ms, no freeze`;
  process.stdout.write(`${gopSeconds} s GOP, ${joins.length} joins, milliseconds\n`);
  process.stdout.write(`${table(['', 'min', 'median', 'p95', 'max'], rows)}\n`);
  process.stdout.write(`${within ? 'within' : 'ABOVE'} the bounds: ${bounds}\n\n`);
  return within;
}

const browser = await launchBrowser();
try {
  for (const { gopSeconds, maxLiveMs } of CASES) {
    const site = await startCamera(gopSeconds);
    try {
      await site.masterConnected();
      const page = await openViewerPage(browser, site.console.url, '?play=0');
      if (!report(await joinMany(page, gopSeconds), gopSeconds, maxLiveMs)) process.exitCode = 1;
      await page.page.context().close();
    } finally {
      await site.close();
    }
  }
} finally {
  await browser.close();
}
