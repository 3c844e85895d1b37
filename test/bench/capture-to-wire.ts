/**
 * Capture to wire: from the moment a source writes a picture, through ffmpeg and the agent, to the moment its first packet leaves, for the
 * first and the last of ten viewers, at 2.5 and 10 Mbps. Takes root: the kernel says when packets leave.
 * The agent is started as the artifact starts it.
 *   npm run build; node test/bench/capture-to-wire.ts [seconds for each rate]
 * Fails above the bound, 99 % of the pictures within 5 ms to the last viewer, and where fewer than 1000 were seen.
 */
import { agentEntry } from '../e2e/support/agent-builds.ts';
import { measureCaptureToWire } from './support/capture-to-wire.ts';
import { table } from './support/figures.ts';
import { prepareMedia } from './support/media-file.ts';
import { loadAverage } from './support/process-figures.ts';

const SECONDS = Number(process.argv[2] ?? 40);
const VIEWERS = 10;
const RATES_KBPS = [2500, 10_000];
const MAX_P99_MS = 5;
const MIN_PICTURES = 1000;

const entry = agentEntry('artifact');
const times = { warmUpMs: 10_000, measureMs: SECONDS * 1000 };
const rows: (string | number)[][] = [];
for (const kbps of RATES_KBPS) {
  const wire = await measureCaptureToWire(await prepareMedia(kbps), VIEWERS, { entry, ...times });
  const { frames, firstP50, firstP99, lastP50, lastP99 } = wire;
  rows.push([`${kbps / 1000} Mbps`, frames, firstP50, firstP99, lastP50, lastP99]);
  if (!(lastP99 <= MAX_P99_MS && frames >= MIN_PICTURES)) process.exitCode = 1;
}
const header = ['', 'pictures', 'first viewer p50', 'p99', `viewer ${VIEWERS} p50`, 'p99'];
process.stdout.write(`${table(header, rows)}\n`);
const verdict = process.exitCode === 1 ? 'ABOVE the bound' : 'within the bound';
process.stdout.write(
  `${verdict}: p99 of ${MAX_P99_MS} ms, of ${MIN_PICTURES} pictures at least; load average ${loadAverage()}\n`,
);
