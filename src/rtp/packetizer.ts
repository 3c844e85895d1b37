import type { MediaCodec } from './access-unit.ts';
import type { PayloadMemory } from './payload-memory.ts';
import { PayloadWriter, type Payloads } from './payload-writer.ts';
import { packetizeAudio } from './packetize-audio.ts';
import { packetizeH264 } from './packetize-h264.ts';
import { packetizeH265 } from './packetize-h265.ts';
import { packetizeVp8 } from './packetize-vp8.ts';

const PACKETIZE: Record<MediaCodec, (data: Buffer, writer: PayloadWriter) => void> = {
  h264: packetizeH264,
  h265: packetizeH265,
  vp8: packetizeVp8,
  opus: packetizeAudio,
  pcmu: packetizeAudio,
  pcma: packetizeAudio,
};

// Work memory only: packetising is synchronous, so all streams share it.
const writer = new PayloadWriter();

/** Cuts one access unit into RTP payloads, kept in `memory`; `count` is 0 where there is nothing to send in it. */
export function packetize(codec: MediaCodec, data: Buffer, memory: PayloadMemory): Payloads {
  PACKETIZE[codec](data, writer);
  return writer.moveTo(memory);
}
