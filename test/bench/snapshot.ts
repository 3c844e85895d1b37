/**
 * Snapshots as Chromium gets them over the data channel while it plays the picture: 720p30 with a 4 s GOP, at random phases of the GOP.
 * Of each two the first is of another quality than the one before, so that no ffmpeg waits for it.
 *   node test/bench/snapshot.ts [snapshots]
 * Fails above 300 ms at the 95th percentile, and where a picture is more than 3 frames older than the moment it was asked for.
 */
import { startSite } from '../cloud/site.ts';
import { launchBrowser, openViewerPage } from '../e2e/support/browser.ts';
import { snapshotInPage, type PageSnapshot } from '../e2e/support/snapshot.ts';
import { median, quantile, table } from './support/figures.ts';

const SNAPSHOTS = Number(process.argv[2] ?? 40);
const GOP_SECONDS = 4;
const FPS = 30;
const MAX_TOOK_MS = 300;
const MAX_FRAMES_BEHIND = 3;

const browser = await launchBrowser();
const site = await startSite({
  cameras: {
    front: {
      source: { type: 'test' },
      video: {
        keyframeIntervalSeconds: GOP_SECONDS,
        renditions: { high: { width: 1280, height: 720, fps: FPS, bitrateKbps: 2500 } },
      },
    },
  },
});
const taken: PageSnapshot[] = [];
try {
  await site.masterConnected();
  const page = await openViewerPage(browser, site.console.url);
  const { id } = await page.play('front');
  // A whole GOP, and a browser that has settled.
  await page.waitForFrames(id, 5 * FPS);
  for (let i = 0; i < SNAPSHOTS; i += 1) {
    // A random phase of the GOP: this wait is what is measured over, not a wait for something.
    await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 2_000));
    const quality = 70 + (Math.floor(i / 2) % 20);
    taken.push(await page.page.evaluate(snapshotInPage, [id, { quality }, '/frame-strip.js'] as const));
  }
} finally {
  await browser.close();
  await site.close();
}

const behind = (snapshot: PageSnapshot) => Math.max(0, Math.floor((snapshot.ageMs * FPS) / 1_000));
const row = (name: string, snapshots: PageSnapshot[]) => {
  const took = snapshots.map(({ tookMs }) => tookMs);
  const times = [median(took), quantile(took, 0.95), quantile(took, 1)];
  return [name, snapshots.length, ...times, Math.max(...snapshots.map(behind))] as const;
};
const secondOf = ({ frame }: PageSnapshot) => Math.floor((frame / FPS) % GOP_SECONDS);
const rows = [
  row('all', taken),
  row(
    'ffmpeg is started',
    taken.filter((_, i) => i % 2 === 0),
  ),
  row(
    'ffmpeg waits',
    taken.filter((_, i) => i % 2 === 1),
  ),
  ...Array.from({ length: GOP_SECONDS }, (_, second) =>
    row(
      `in second ${second + 1} of the GOP`,
      taken.filter((snapshot) => secondOf(snapshot) === second),
    ),
  ),
];
const columns = ['snapshots', 'number', 'median ms', '95 %', 'longest', 'frames behind, at most'];
process.stdout.write(`${table(columns, rows)}\n`);
const p95 = quantile(
  taken.map(({ tookMs }) => tookMs),
  0.95,
);
const oldest = Math.max(...taken.map(behind));
const isWithin = p95 <= MAX_TOOK_MS && oldest <= MAX_FRAMES_BEHIND;
process.stdout.write(
  `${isWithin ? 'within' : 'ABOVE'} the bounds: 95 % within ${p95.toFixed(0)} ms (at most ${MAX_TOOK_MS}), ${oldest} frames behind (at most ${MAX_FRAMES_BEHIND})\n`,
);
process.exitCode = isWithin ? 0 : 1;
