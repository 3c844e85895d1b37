/**
 * Offer to first presented frame in Chromium: a warm camera with a 4 s GOP, joined at random phases of the GOP.
 *   node test/bench/first-frame.ts [joins]
 * Fails above the bounds: median 80 ms to the first frame, and 60 ms (median) from connected to it.
 */
import { startSite } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerStatus } from '../e2e/support/browser.ts';
import { median, quantile, table } from './support/figures.ts';

const JOINS = Number(process.argv[2] ?? 30);
const GOP_SECONDS = 4;
const MAX_FIRST_FRAME_MS = 80;
const MAX_AFTER_CONNECTED_MS = 60;

const browser = await launchBrowser();
const site = await startSite({
  cameras: {
    front: {
      source: { type: 'test' },
      prewarm: true,
      video: {
        keyframeIntervalSeconds: GOP_SECONDS,
        renditions: { high: { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 } },
      },
    },
  },
});
const joins: ViewerStatus[] = [];
try {
  await site.masterConnected();
  const page = await openViewerPage(browser, site.console.url);
  await page.close((await page.play('front')).id);
  for (let i = 0; i < JOINS; i += 1) {
    // A random phase of the GOP: this wait is what is measured over, not a wait for something.
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * GOP_SECONDS * 1000));
    const { id, status } = await page.play('front');
    joins.push(status);
    await page.close(id);
  }
} finally {
  await browser.close();
  await site.close();
}

const stage = (pick: (join: ViewerStatus) => number | undefined) =>
  joins.map((join) => pick(join) ?? Number.NaN);
const stages: Array<[string, number[]]> = [
  ['offer to answer', stage((join) => join.answerMs)],
  ['offer to connected', stage((join) => join.connectedMs)],
  ['offer to first frame', stage((join) => join.firstFrameMs)],
  [
    'connected to first frame',
    stage((join) => (join.firstFrameMs ?? Number.NaN) - (join.connectedMs ?? Number.NaN)),
  ],
];
const rows = stages.map(
  ([name, figures]) =>
    [name, quantile(figures, 0), median(figures), quantile(figures, 0.95), quantile(figures, 1)] as const,
);
process.stdout.write(
  `${JOINS} joins, ${GOP_SECONDS} s GOP, milliseconds\n${table(['', 'min', 'median', 'p95', 'max'], rows)}\n`,
);
const firstFrame = median(stages[2]?.[1] ?? []);
const afterConnected = median(stages[3]?.[1] ?? []);
const passed = firstFrame <= MAX_FIRST_FRAME_MS && afterConnected <= MAX_AFTER_CONNECTED_MS;
process.stdout.write(
  `${passed ? 'within' : 'ABOVE'} the bounds: median ${MAX_FIRST_FRAME_MS} ms to the first frame, ${MAX_AFTER_CONNECTED_MS} ms after connected\n`,
);
process.exitCode = passed ? 0 : 1;
