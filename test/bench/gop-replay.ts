/**
 * Joining in the middle of a GOP, in Chromium: connected to first picture, connected to the live edge, freezes; and asking for a picture
 * (PLI) at another phase: longest time without a new picture. For GOPs of 4 and 10 s, at random phases.
 *   node test/bench/gop-replay.ts [joins for each GOP length] [the one GOP length, seconds]
 * Fails where any join is above the bounds: first picture 60 ms after connected, live edge after 250 ms (4 s GOP) and 700 ms (10 s GOP), a
 * gap of 100 ms after a PLI (4 s GOP), no freeze counted.
 */
import { launchBrowser, openViewerPage, type ViewerPage } from '../e2e/support/browser.ts';
import { longestGap, median, quantile, table } from './support/figures.ts';
import { randomPhase, startGopCamera } from './support/gop-camera.ts';

const JOINS = Number(process.argv[2] ?? 10);
const ALL_CASES = [
  { gopSeconds: 4, maxLiveMs: 250, maxGapMs: 100 },
  { gopSeconds: 10, maxLiveMs: 700, maxGapMs: Infinity },
];
const CASES = ALL_CASES.filter(({ gopSeconds }) => gopSeconds === Number(process.argv[3] ?? gopSeconds));
const MAX_FIRST_PICTURE_MS = 60;
/** A picture shown this soon after its capture is live; the steady state is about 60. */
const LIVE_LAG_MS = 130;
const WATCH_MS = 2_000;

type Case = (typeof ALL_CASES)[number];

interface Join {
  firstPictureMs: number;
  liveMs: number;
  /** Longest time between two pictures shown after a PLI. */
  gapMs: number;
  freezes: number;
}

/** Opens a viewer, watches it from its first picture on, and again from its asking for a picture on. */
async function join(page: ViewerPage, gopSeconds: number): Promise<Join> {
  const id = await page.open('front');
  const seen = await page.watchLag(id, WATCH_MS);
  await page.page.evaluate(prepareToAsk, id);
  await randomPhase(gopSeconds);
  const before = await page.figures(id);
  const watched = page.watchLag(id, WATCH_MS);
  await page.page.evaluate(askForPicture);
  const asked = await watched;
  const { video } = await page.figures(id);
  await page.close(id);
  if (video.keyFramesDecoded === before.video.keyFramesDecoded)
    throw new Error('no picture came after a PLI');
  const live = seen.lags.find(({ lagMs }) => lagMs <= LIVE_LAG_MS);
  return {
    firstPictureMs: seen.firstFrameAt - seen.connectedAt,
    liveMs: (live?.at ?? Infinity) - seen.connectedAt,
    gapMs: longestGap(asked.lags.map(({ at }) => at)),
    freezes: video.freezeCount,
  };
}

/** What is used of the page; the tests have no DOM types. */
declare const kvs: { tile(id: string): { viewer: { peer: { getReceivers(): VideoReceiver[] } } } };
declare const Worker: new (url: string) => AskingWorker;
declare const RTCRtpScriptTransform: new (worker: AskingWorker) => object;
/** Put there by `prepareToAsk`. */
declare let asking: AskingWorker;
interface AskingWorker {
  postMessage(message: string, options: object): void;
}
interface VideoReceiver {
  track: { kind: string };
  transform: object;
}

/** An encoded transform that changes nothing may ask the sender for a key frame. */
const ASKING_SCRIPT = `onrtctransform = ({ transformer }) => {
  transformer.readable.pipeTo(transformer.writable);
  onmessage = () => transformer.sendKeyFrameRequest();
};`;

/** Runs in the page. */
function prepareToAsk(id: string): void {
  const worker = new Worker('/asking.js');
  Object.assign(globalThis, { asking: worker });
  const { peer } = kvs.tile(id).viewer;
  const receiver = peer.getReceivers().find(({ track }) => track.kind === 'video');
  if (receiver) receiver.transform = new RTCRtpScriptTransform(worker);
}

/** Runs in the page. */
function askForPicture(): void {
  asking.postMessage('ask', {});
}

async function joinMany(page: ViewerPage, gopSeconds: number): Promise<Join[]> {
  await page.close((await page.play('front')).id);
  const joins: Join[] = [];
  for (let i = 0; i < JOINS; i += 1) {
    await randomPhase(gopSeconds);
    joins.push(await join(page, gopSeconds));
  }
  return joins;
}

function row(name: string, values: number[]): (string | number)[] {
  return [name, quantile(values, 0), median(values), quantile(values, 0.95), quantile(values, 1)];
}

/** Prints a case; true where it is within its bounds. */
function report(joins: readonly Join[], { gopSeconds, maxLiveMs, maxGapMs }: Case): boolean {
  const first = joins.map(({ firstPictureMs }) => firstPictureMs);
  const live = joins.map(({ liveMs }) => liveMs);
  const gaps = joins.map(({ gapMs }) => gapMs);
  const freezes = joins.map((each) => each.freezes);
  const rows = [
    row('connected to first picture', first),
    row('connected to live edge', live),
    row('longest gap after a PLI', gaps),
    row('freezes', freezes),
  ];
  const within =
    Math.max(...first) <= MAX_FIRST_PICTURE_MS &&
    Math.max(...live) <= maxLiveMs &&
    Math.max(...gaps) <= maxGapMs &&
    Math.max(...freezes) === 0;
  const bounds = `first picture ${MAX_FIRST_PICTURE_MS}, live edge ${maxLiveMs}, gap ${maxGapMs} ms, no freeze`;
  process.stdout.write(`${gopSeconds} s GOP, ${joins.length} joins, milliseconds\n`);
  process.stdout.write(`${table(['', 'min', 'median', 'p95', 'max'], rows)}\n`);
  process.stdout.write(`${within ? 'within' : 'ABOVE'} the bounds: ${bounds}\n\n`);
  return within;
}

const browser = await launchBrowser();
try {
  for (const each of CASES) {
    const { gopSeconds } = each;
    const site = await startGopCamera(gopSeconds);
    try {
      await site.masterConnected();
      const page = await openViewerPage(browser, site.console.url, '?play=0');
      await page.page.route('**/asking.js', (route) =>
        route.fulfill({ body: ASKING_SCRIPT, contentType: 'text/javascript' }),
      );
      if (!report(await joinMany(page, gopSeconds), each)) process.exitCode = 1;
      await page.page.context().close();
    } finally {
      await site.close();
    }
  }
} finally {
  await browser.close();
}
