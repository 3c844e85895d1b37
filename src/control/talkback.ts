import type { Log } from '../log.ts';
import { ChildProgram, endingText } from '../runtime/child-program.ts';
import { orAborted, type Clock, type Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { supervise } from '../runtime/supervise.ts';
import { SAMPLES_PER_MS, SampleQueue } from './sample-queue.ts';
import { Speaker, type SpokenPacket } from './speaker.ts';

/** Where what viewers say is played; of several, the first that is set. */
export interface TalkOutput {
  /** Program and arguments that take 16-bit little-endian samples, 48 kHz, one channel, on standard input. */
  command: readonly string[];
  /** WAV file of the last conversation. */
  file: string;
  /** ALSA. */
  device: string;
}

export interface TalkbackOptions {
  output: TalkOutput;
  /** `one`: whoever speaks first is heard until silent; `mixed`: all are. */
  mode: 'one' | 'mixed';
  ffmpeg: { path: string; nice: number };
  clock: Clock;
  random: Random;
  log: Log;
}

interface Voice {
  speaker: Speaker;
  queue: SampleQueue;
  heardAtMs: number;
}

const TICK_MS = 20;
/** Whoever is silent for so long has finished … */
const FLOOR_MS = 1_000;
/** … and after so long without anybody the loudspeaker is closed. */
const IDLE_MS = 3_000;
/** A loudspeaker that fails is tried again while somebody speaks. */
const BACKOFF = { baseMs: 200, maxMs: 10_000 };
const MAX_SPEAKERS = 10;
/** What the output may be behind; beyond it samples are left out. */
const MAX_OUTPUT_BYTES = 200 * SAMPLES_PER_MS * 2;
/** A muted browser's Opus frames have 3 bytes; speech has dozens. */
const MIN_OPUS_VOICE_BYTES = 12;
/** How far G.711 samples of silence are from zero at most, in steps of their code. */
const G711_SILENCE_STEPS = 6;

/** Plays what viewers say: decoded, mixed, and with one program for the loudspeaker while somebody speaks. */
export class Talkback {
  readonly #options: TalkbackOptions;
  readonly #voices = new Map<object, Voice>();
  #output: ChildProgram | undefined;
  #ticks: Timer | undefined;
  /** Aborts when nobody speaks any more. */
  #silence = new AbortController();
  #playedUntilMs = 0;
  readonly #closing = new Set<Promise<void>>();

  constructor(options: TalkbackOptions) {
    this.#options = options;
  }

  /** Takes a packet of a viewer, for whom the object stands. */
  receive(viewer: object, packet: SpokenPacket): void {
    const now = this.#options.clock.monotonic();
    const isVoice = hasVoice(packet);
    const voice = this.#voices.get(viewer) ?? (isVoice ? this.#admit(viewer, packet.codec, now) : undefined);
    if (!voice) return;
    if (isVoice) voice.heardAtMs = now;
    voice.speaker.add(packet);
  }

  /** The viewer is gone. */
  left(viewer: object): void {
    const voice = this.#voices.get(viewer);
    this.#voices.delete(viewer);
    if (voice) this.#close(voice.speaker.close());
  }

  /** Settles when every program has ended. */
  async close(): Promise<void> {
    for (const viewer of this.#voices.keys()) this.left(viewer);
    this.#stop();
    await Promise.all(this.#closing);
  }

  #admit(viewer: object, codec: string, now: number): Voice | undefined {
    const { mode, ffmpeg, clock, log } = this.#options;
    if (this.#voices.size >= (mode === 'one' ? 1 : MAX_SPEAKERS)) return undefined;
    const queue = new SampleQueue();
    const voice = { speaker: new Speaker(codec, ffmpeg, clock, queue), queue, heardAtMs: now };
    this.#voices.set(viewer, voice);
    log.info({ speakers: this.#voices.size }, 'a viewer speaks');
    this.#start(now);
    return voice;
  }

  #start(now: number): void {
    if (this.#ticks) return;
    const { clock, random, log } = this.#options;
    this.#silence = new AbortController();
    const options = { name: 'loudspeaker', backoff: BACKOFF, clock, random, log };
    this.#close(supervise((silence) => this.#play(silence), this.#silence.signal, options));
    this.#playedUntilMs = now;
    this.#ticks = clock.every(TICK_MS, () => this.#tick());
  }

  /** Has one program play; rejects when it ends by itself. */
  async #play(silence: AbortSignal): Promise<void> {
    const { output, ffmpeg, clock } = this.#options;
    const [path = '', ...args] = outputCommand(output, ffmpeg.path);
    const { nice } = ffmpeg;
    const program = new ChildProgram({ path, args, stdin: true, stdout: false, extraPipes: 0, nice, clock });
    this.#output = program;
    const ending = await orAborted(silence, program.ended);
    if (ending) throw new Error(`${endingText(ending)}: ${program.lastWords([])}`);
    // What is on its way is played to its end.
    program.stdin?.end();
    const timer = clock.after(FLOOR_MS, () => void program.stop());
    await program.ended;
    timer.cancel();
  }

  #tick(): void {
    const now = this.#options.clock.monotonic();
    for (const [viewer, { heardAtMs }] of this.#voices) if (now - heardAtMs > FLOOR_MS) this.left(viewer);
    if (this.#voices.size === 0 && now - this.#playedUntilMs > IDLE_MS) return this.#stop();
    if (this.#voices.size === 0) return;
    // A timer that was late has more to play, but not what lies in the past already.
    const sinceMs = Math.min(now - this.#playedUntilMs, 5 * TICK_MS);
    this.#playedUntilMs = now;
    const mix = new Int32Array(Math.round(sinceMs * SAMPLES_PER_MS));
    for (const { queue } of this.#voices.values()) queue.addTo(mix);
    const stdin = this.#output?.stdin;
    if (stdin?.writable && stdin.writableLength < MAX_OUTPUT_BYTES) stdin.write(samplesOf(mix));
  }

  #stop(): void {
    this.#ticks?.cancel();
    this.#ticks = undefined;
    this.#output = undefined;
    this.#silence.abort();
  }

  #close(closing: Promise<void>): void {
    const settled = closing.finally(() => this.#closing.delete(settled));
    this.#closing.add(settled);
  }
}

function samplesOf(mix: Int32Array): Buffer {
  const samples = Buffer.alloc(2 * mix.length);
  for (let i = 0; i < mix.length; i += 1)
    samples.writeInt16LE(Math.max(-32_768, Math.min(32_767, mix[i]!)), 2 * i);
  return samples;
}

function outputCommand({ command, file, device }: TalkOutput, ffmpegPath: string): string[] {
  if (command.length > 0) return [...command];
  const input = '-hide_banner -loglevel error -nostdin -y -f s16le -ar 48000 -ac 1 -i pipe:0'.split(' ');
  if (file !== '') return [ffmpegPath, ...input, '-f', 'wav', '-flush_packets', '1', file];
  return [ffmpegPath, ...input, '-f', 'alsa', device];
}

function hasVoice({ codec, payload }: SpokenPacket): boolean {
  if (codec === 'opus') return payload.length >= MIN_OPUS_VOICE_BYTES;
  const silence = codec === 'pcma' ? 0x55 : 0x7f;
  return payload.some((code) => Math.abs((code & 0x7f) - silence) > G711_SILENCE_STEPS);
}
