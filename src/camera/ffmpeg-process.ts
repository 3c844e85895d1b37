import { errorText } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { ChildProgram, endingText } from '../runtime/child-program.ts';
import { cannotRunFfmpeg } from './ffmpeg-probe.ts';
import { NutDemuxer, type NutPacket } from './nut-demuxer.ts';
import type { NutStream } from './nut-headers.ts';
import { NutError } from './nut-reader.ts';

/** One ffmpeg that captures one input. Every track comes as NUT of its own on file descriptor 3, 4, … */
export interface FfmpegTask {
  path: string;
  args: readonly string[];
  /** Niceness of ffmpeg and of the producer, 0 to 19. */
  nice: number;
  trackCount: number;
  /** Written to ffmpeg's standard input, e.g. a playlist whose URL must not show in the process list. */
  stdinText?: string;
  /** A program whose standard output becomes ffmpeg's standard input. */
  producer?: readonly string[];
  /** Never shown in an error. */
  secrets: readonly string[];
  /** Whether a track must not be silent just now. */
  isVital: (track: number) => boolean;
  /** Handed the way to tell the running ffmpeg something; ffmpeg then has a standard input for that. */
  onRunning?: ((tell: (command: string) => void) => void) | undefined;
  firstFrameTimeoutMs: number;
  stallTimeoutMs: number;
  clock: Clock;
  /** What it throws ends the run with that error. */
  onPacket: (track: number, packet: NutPacket, stream: NutStream) => void;
}

/** ffmpeg did not deliver: it could not run, ended, stalled or wrote something else than NUT. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  /** ffmpeg's own last words, scrubbed. */
  readonly lastWords: string;
  /** Whether any frame had come: a camera that worked differs from one that never did. */
  readonly hadFrames: boolean;
  /** It ran on and gave nothing. */
  readonly stalled: boolean;

  constructor(message: string, lastWords: string, { hadFrames, stalled }: StallVerdict) {
    super(withWords(message, lastWords));
    this.lastWords = lastWords;
    this.hadFrames = hadFrames;
    this.stalled = stalled;
  }
}

function withWords(message: string, words: string): string {
  return words === '' ? message : `${message}: ${words}`;
}

interface StallVerdict {
  hadFrames: boolean;
  stalled: boolean;
}

/** Runs ffmpeg until `signal` aborts (resolves when it has really ended) or it fails (rejects). */
export async function runFfmpeg(task: FfmpegTask, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { path, args, nice, clock, secrets, trackCount } = task;
  const stdin = [task.stdinText, task.producer, task.onRunning].some((use) => use !== undefined);
  const ffmpeg = new ChildProgram({ path, args, stdin, stdout: false, extraPipes: trackCount, nice, clock });
  const producer = task.producer && startProducer(task.producer, ffmpeg, task);
  if (task.stdinText !== undefined) ffmpeg.stdin?.end(task.stdinText);
  task.onRunning?.((command) => void ffmpeg.stdin?.write(command));

  let fault: string | Error | undefined;
  let stopping = false;
  const stop: Stop = (reason) => {
    if (stopping) return;
    stopping = true;
    fault = reason;
    void ffmpeg.stop();
    void producer?.stop();
  };
  const onAbort = () => stop();
  signal.addEventListener('abort', onAbort, { once: true });
  const watch = watchForStall(task, stop);
  for (let track = 0; track < trackCount; track += 1) {
    const feed = demuxTrack(track, task, watch);
    ffmpeg.extraPipe(track).on('data', (chunk: Buffer) => {
      if (stopping) return;
      try {
        feed(chunk);
      } catch (error) {
        stop(error instanceof Error && !(error instanceof NutError) ? error : errorText(error));
      }
    });
  }
  void producer?.ended.then((ending) =>
    stop(withWords(`command ${endingText(ending)}`, producer.lastWords(secrets))),
  );

  const ending = await ffmpeg.ended;
  watch.cancel();
  signal.removeEventListener('abort', onAbort);
  const wasStopping = stopping;
  await producer?.stop();
  if (wasStopping && fault === undefined) return;
  if (fault instanceof Error) throw fault;
  if ('error' in ending) throw cannotRunFfmpeg(path, ending.error);
  const message = fault ?? `ffmpeg ${endingText(ending)}`;
  throw new CaptureError(message, ffmpeg.lastWords(secrets), watch.verdict());
}

function startProducer(
  command: readonly string[],
  ffmpeg: ChildProgram,
  { nice, clock }: FfmpegTask,
): ChildProgram {
  const [path = '', ...args] = command;
  const producer = new ChildProgram({ path, args, stdin: false, stdout: true, extraPipes: 0, nice, clock });
  if (ffmpeg.stdin) producer.stdout?.pipe(ffmpeg.stdin);
  return producer;
}

/** Ends a run: without a fault, with one in words, or with the error of whoever took the packets. */
type Stop = (fault?: string | Error) => void;

interface StallWatch {
  seen(track: number): void;
  verdict(): StallVerdict;
  cancel(): void;
}

/** Counts in ticks, not in time: an agent that was busy itself does not blame the camera. */
function watchForStall(task: FfmpegTask, stop: Stop): StallWatch {
  const { clock, trackCount, isVital, firstFrameTimeoutMs, stallTimeoutMs } = task;
  const tickMs = Math.min(stallTimeoutMs, firstFrameTimeoutMs) / 8;
  const seen = new Set<number>();
  const silentMs = new Map<number, number>();
  let stalled = false;
  const end = (reason: string) => {
    stalled = true;
    stop(reason);
  };
  const timer = clock.every(tickMs, () => {
    for (let track = 0; track < trackCount; track += 1) {
      if (!isVital(track)) {
        silentMs.delete(track);
        continue;
      }
      const silent = (silentMs.get(track) ?? 0) + tickMs;
      silentMs.set(track, silent);
      if (!seen.has(track) && silent > firstFrameTimeoutMs) {
        end(`no frame within ${firstFrameTimeoutMs} ms`);
      } else if (seen.has(track) && silent > stallTimeoutMs) {
        end(`no frame for ${stallTimeoutMs} ms`);
      }
    }
  });
  return {
    seen(track) {
      seen.add(track);
      silentMs.set(track, 0);
    },
    verdict: () => ({ hadFrames: seen.size > 0, stalled }),
    cancel: () => timer.cancel(),
  };
}

function demuxTrack(track: number, task: FfmpegTask, watch: StallWatch): (chunk: Buffer) => void {
  const demuxer = new NutDemuxer((packet) => {
    const stream = demuxer.streams[packet.streamIndex];
    if (stream === undefined) return;
    watch.seen(track);
    task.onPacket(track, packet, stream);
  });
  return (chunk) => demuxer.push(chunk);
}
