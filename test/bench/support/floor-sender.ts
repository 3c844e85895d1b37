/**
 * The floor: nothing but AES counter mode, HMAC-SHA1 and `send` on a connected socket, with node's own calls in the
 * fastest form known (FIPS 197, RFC 3711): one cipher call a frame, two hash calls a packet. No header, no
 * retransmission, no peer.
 *   node floor-sender.ts ANNEX_B FPS
 */
import { createCipheriv, hash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { packetize } from '../../../src/rtp/packetizer.ts';
import { PayloadMemory } from '../../../src/rtp/payload-memory.ts';
import { everyFrame } from './frame-clock.ts';
import { answerRequests } from './ipc.ts';
import { readAccessUnits } from './media-file.ts';

const [annexBPath = '', fpsText = '30'] = process.argv.slice(2);
const memory = new PayloadMemory();
const frames = readAccessUnits(annexBPath).map((unit) => packetize('h264', unit, memory));
const PAD_BYTES = 64;
const HEADER_BYTES = 24;
const TAG_BYTES = 10;
const SLOT_BYTES = 1320;

class Receiver {
  readonly #socket: Socket;
  readonly #cipher = createCipheriv('aes-128-ecb', randomBytes(16), null).setAutoPadding(false);
  readonly #pad = randomBytes(PAD_BYTES);
  readonly #outer = Buffer.concat([randomBytes(PAD_BYTES), Buffer.alloc(20)]);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send({ block: { words }, starts, lengths, count, bytes }: (typeof frames)[number]): void {
    const stream = this.#cipher.update(Buffer.allocUnsafe(bytes + 16 * count));
    const key = new Uint32Array(stream.buffer, stream.byteOffset, stream.length >>> 2);
    const block = Buffer.allocUnsafeSlow(count * SLOT_BYTES);
    const out = new Uint32Array(block.buffer);
    for (let i = 0, k = 0; i < count; i++) {
      const start = i * SLOT_BYTES;
      const body = start + PAD_BYTES + HEADER_BYTES;
      const length = lengths[i] ?? 0;
      const from = (starts[i] ?? 0) >>> 2;
      for (let w = 0, at = body >>> 2; w < (length + 3) >>> 2; w++)
        out[at + w] = (words[from + w] ?? 0) ^ (key[k++] ?? 0);
      block.set(this.#pad, start);
      const end = body + length;
      this.#outer.write(hash('sha1', block.subarray(start, end), 'binary'), PAD_BYTES, 'binary');
      block.write(hash('sha1', this.#outer, 'binary'), end, TAG_BYTES, 'binary');
      this.#socket.send(block.subarray(start + PAD_BYTES, end + TAG_BYTES));
    }
  }
}

const receivers: Receiver[] = [];
everyFrame(Number(fpsText), (number) => {
  const frame = frames[number % frames.length];
  if (frame) for (const receiver of receivers) receiver.send(frame);
});

async function connect(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // Its receivers go first.
  socket.on('error', () => {});
  receivers.push(new Receiver(socket));
}

answerRequests((text) => {
  const { port }: { port: number } = JSON.parse(text);
  return connect(port);
});
