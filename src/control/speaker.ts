import { ChildProgram } from '../runtime/child-program.ts';
import type { Clock } from '../runtime/clock.ts';
import { G711Decoder } from './g711.ts';
import { JitterBuffer } from './jitter-buffer.ts';
import { OggOpusWriter } from './ogg-opus.ts';
import type { SampleQueue } from './sample-queue.ts';

/** A packet of what a viewer says. */
export interface SpokenPacket {
  codec: string;
  /** RTP sequence number. */
  sequence: number;
  payload: Buffer;
}

/** What decodes Opus, or a decoder of our own. */
interface Decoder {
  decode(payload: Buffer): void;
  close(): Promise<void>;
}

const DECODE_OPUS =
  '-hide_banner -loglevel error -nostdin -probesize 32 -analyzeduration 0 -f ogg -i pipe:0 ' +
  '-f s16le -ar 48000 -ac 1 -flush_packets 1 pipe:1';
const MAX_UNREAD_BYTES = 64 * 1024;

/** One viewer that speaks: its packets in, samples out. */
export class Speaker {
  readonly #jitter: JitterBuffer;
  readonly #decoder: Decoder;

  constructor(codec: string, ffmpeg: { path: string; nice: number }, clock: Clock, queue: SampleQueue) {
    this.#decoder = codec === 'opus' ? opusDecoder(ffmpeg, clock, queue) : g711Decoder(codec, queue);
    this.#jitter = new JitterBuffer(clock, (payload) => this.#decoder.decode(payload));
  }

  add({ sequence, payload }: SpokenPacket): void {
    this.#jitter.add(sequence, payload);
  }

  async close(): Promise<void> {
    this.#jitter.close();
    await this.#decoder.close();
  }
}

function g711Decoder(codec: string, queue: SampleQueue): Decoder {
  const decoder = new G711Decoder(codec === 'pcma' ? 'pcma' : 'pcmu');
  return { decode: (payload) => queue.push(decoder.decode(payload)), close: () => Promise.resolve() };
}

function opusDecoder(
  { path, nice }: { path: string; nice: number },
  clock: Clock,
  queue: SampleQueue,
): Decoder {
  const args = DECODE_OPUS.split(' ');
  const program = new ChildProgram({ path, args, stdin: true, stdout: true, extraPipes: 0, nice, clock });
  const ogg = new OggOpusWriter();
  program.stdin?.write(ogg.head());
  let odd: Buffer = Buffer.alloc(0);
  program.stdout?.on('data', (chunk: Buffer) => {
    const bytes = Buffer.concat([odd, chunk]);
    const samples = new Int16Array(Math.floor(bytes.length / 2));
    for (let i = 0; i < samples.length; i += 1) samples[i] = bytes.readInt16LE(2 * i);
    odd = Buffer.from(bytes.subarray(2 * samples.length));
    queue.push(samples);
  });
  return {
    decode: (payload) => {
      const page = ogg.packet(payload);
      if (page && (program.stdin?.writableLength ?? 0) < MAX_UNREAD_BYTES) program.stdin?.write(page);
    },
    close: () => program.stop(),
  };
}
