import assert from 'node:assert/strict';
import { NutDemuxer } from '../../../../src/camera/nut-demuxer.ts';
import { NutError } from '../../../../src/camera/nut-reader.ts';
import { Mutator } from './nut-mutations.ts';

/** Elision headers can make a stream longer, but never by more than this. */
const MOST_GROWTH = 256;

/** Demuxes `count` broken streams in chunks of random size; every one must end or be refused as NUT. */
export function fuzzDemuxer(
  sample: Buffer,
  count: number,
  seed: number,
): { refused: number; packets: number } {
  const mutator = new Mutator(sample, seed);
  let [refused, packets] = [0, 0];
  for (let index = 0; index < count; index += 1) {
    const stream = mutator.next();
    let bytes = 0;
    const demuxer = new NutDemuxer(({ data }) => {
      packets += 1;
      bytes += data.length;
    });
    try {
      for (let at = 0; at < stream.length;) {
        const size = 1 + mutator.integer(2000);
        demuxer.push(stream.subarray(at, at + size));
        at += size;
      }
    } catch (error) {
      assert.ok(error instanceof NutError, `stream ${index} of seed ${seed}: ${String(error)}`);
      refused += 1;
    }
    assert.ok(bytes <= stream.length * MOST_GROWTH, `stream ${index} of seed ${seed} grew to ${bytes} bytes`);
  }
  return { refused, packets };
}
