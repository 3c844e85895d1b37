import { hash } from 'node:crypto';
import { AesCmKeyStream } from './aes-cm-key-stream.ts';
import { hmacPad } from './hmac-sha1.ts';
import { KeyStreamAhead, MAX_AHEAD_BYTES } from './key-stream-ahead.ts';
import { HEADROOM_BYTES, type PacketBatch } from './packet-batch.ts';
import type { SessionKeys } from './srtp-keys.ts';

const TAG_BYTES = 10;
const SHA1_BLOCK_BYTES = 64;
const SHA1_BYTES = 20;
const BLOCK_WORDS = 4;

// Work memory of the synchronous `protect`, shared by all sessions.
const outerInput = Buffer.allocUnsafeSlow(SHA1_BLOCK_BYTES + SHA1_BYTES);

/**
 * AES-128 counter mode with HMAC-SHA1-80 (RFC 3711 sections 4.1.1 and 4.2.1). HMAC is two one-shot hashes over
 * precomputed pads, because what costs in Node is the call and its objects, not the hash.
 */
export class AesCmProtector {
  readonly tagBytes = TAG_BYTES;
  readonly #keyStream: AesCmKeyStream;
  readonly #ahead: KeyStreamAhead;
  readonly #innerPad: Uint32Array;
  readonly #outerPad: Buffer;

  constructor(keys: SessionKeys) {
    this.#keyStream = new AesCmKeyStream(keys.encryptionKey, keys.salt);
    this.#ahead = new KeyStreamAhead(this.#keyStream);
    this.#innerPad = new Uint32Array(Uint8Array.from(hmacPad(keys.authenticationKey, 0x36)).buffer);
    this.#outerPad = hmacPad(keys.authenticationKey, 0x5c);
  }

  /** Encrypts and authenticates all packets of the batch. */
  protect(batch: PacketBatch): void {
    this.#encrypt(batch);
    this.#authenticate(batch);
  }

  #encrypt(batch: PacketBatch): void {
    const { count, payloadLengths, starts, payloadStarts, words, payloadWords } = batch;
    if (count === 1 && payloadLengths[0]! <= MAX_AHEAD_BYTES) return this.#encryptSmall(batch);
    for (let i = 0; i < count; i++) this.#keyStream.add(batch.ssrc, batch.firstIndex + i, payloadLengths[i]!);
    const stream = this.#keyStream.take();
    const streamWords = new Uint32Array(stream.buffer, stream.byteOffset, stream.length >>> 2);
    const headerWords = batch.headerBytes >>> 2;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const bytes = payloadLengths[i]!;
      xor(
        words,
        (starts[i]! >>> 2) + headerWords,
        payloadWords,
        payloadStarts[i]! >>> 2,
        streamWords,
        at,
        (bytes + 3) >>> 2,
      );
      at += ((bytes + 15) >>> 4) * BLOCK_WORDS;
    }
  }

  #encryptSmall(batch: PacketBatch): void {
    const bytes = batch.payloadLengths[0]!;
    const at = this.#ahead.find(batch.ssrc, batch.firstIndex, bytes);
    xor(
      batch.words,
      (batch.starts[0]! + batch.headerBytes) >>> 2,
      batch.payloadWords,
      batch.payloadStarts[0]! >>> 2,
      this.#ahead.words,
      at,
      (bytes + 3) >>> 2,
    );
  }

  /** The tag covers the packet and its rollover counter, which is written behind it and then overwritten. */
  #authenticate(batch: PacketBatch): void {
    const { block, words, headerBytes, starts, payloadLengths } = batch;
    this.#outerPad.copy(outerInput);
    for (let i = 0; i < batch.count; i++) {
      const start = starts[i]!;
      const end = start + headerBytes + payloadLengths[i]!;
      words.set(this.#innerPad, (start - HEADROOM_BYTES) >>> 2);
      const rollover = Math.floor((batch.firstIndex + i) / 65_536);
      block[end] = rollover >>> 24;
      block[end + 1] = rollover >>> 16;
      block[end + 2] = rollover >>> 8;
      block[end + 3] = rollover;
      outerInput.write(
        hash('sha1', batch.paddedPacket(i, end + 4 - start), 'binary'),
        SHA1_BLOCK_BYTES,
        'binary',
      );
      block.write(hash('sha1', outerInput, 'binary'), end, TAG_BYTES, 'binary');
    }
  }
}

function xor(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) out[outAt + i] = a[aAt + i]! ^ b[bAt + i]!;
}
