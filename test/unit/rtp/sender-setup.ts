import type { AccessUnit } from '../../../src/rtp/access-unit.ts';
import { MediaStream, type MediaStreamOptions } from '../../../src/rtp/media-stream.ts';
import { Pacer } from '../../../src/rtp/pacer.ts';
import { TransportSequence, type SentListener } from '../../../src/rtp/packet-output.ts';
import { RtpSender, type RtpSenderOptions } from '../../../src/rtp/rtp-sender.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { RtpViewer, type ViewerOptions } from '../../support/rtp-viewer.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

export const FRAME_MS = 40;
export const VIDEO = 96;
export const RTX = 97;

/** A 25 fps H.264 camera on a simulated clock; each access unit is one slice that says its number. */
export class TestCamera {
  readonly clock = new SimulatedClock();
  readonly stream: MediaStream;
  readonly units: Buffer[] = [];

  constructor(options: Partial<MediaStreamOptions> = {}) {
    this.stream = new MediaStream({ codec: 'h264', clock: this.clock, ...options });
  }

  /** Captures one frame now, then lets the time to the next one pass. */
  capture(keyframe = false, bytes = keyframe ? 8000 : 2000): Buffer {
    const unit = this.unit(keyframe, bytes);
    this.stream.push(unit);
    this.clock.advance(FRAME_MS);
    return unit.data;
  }

  unit(keyframe: boolean, bytes: number): AccessUnit {
    const number = this.units.length + 1;
    const data = Buffer.alloc(bytes, 0xa5);
    data.writeUInt32BE(1);
    data[4] = keyframe ? 0x65 : 0x41;
    data.write(`#${number}#`, 5);
    this.units.push(data);
    return { codec: 'h264', data, captureTimeMs: this.clock.now(), keyframe };
  }

  /** A key frame and `deltas` more frames. */
  gop(deltas: number): void {
    this.capture(true);
    for (let i = 0; i < deltas; i++) this.capture();
  }
}

export interface Watching {
  viewer: RtpViewer;
  sender: RtpSender;
}

export function watch(
  camera: TestCamera,
  options: Partial<RtpSenderOptions> & { rtxOff?: boolean; onSent?: SentListener; paceKbps?: number } = {},
  viewerOptions: Partial<ViewerOptions> = {},
): Watching & { pacer: Pacer } {
  const viewer = new RtpViewer({ payloadType: VIDEO, rtxPayloadType: RTX, ...viewerOptions });
  const pacer = new Pacer(camera.clock, options.paceKbps);
  const sender = new RtpSender(camera.stream, {
    clock: camera.clock,
    random: systemRandom,
    transport: {
      packets: viewer,
      srtp: viewer.srtp,
      transportSequence: new TransportSequence(),
      pacer,
      ...(options.onSent ? { onSent: options.onSent } : {}),
    },
    payloadType: VIDEO,
    cname: 'camera-1',
    ...(options.rtxOff ? {} : { rtx: { payloadType: RTX } }),
    extensions: { mid: { id: 3, value: '0' }, transportSequence: { id: 5 } },
    ...options,
  });
  return { viewer, sender, pacer };
}

/** The numbers of the camera's frames that a viewer has, in order. */
export function frameNumbers(viewer: RtpViewer): number[] {
  return viewer.frames().map(({ data }) => Number(/#(\d+)#/.exec(data.toString('latin1'))![1]));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
