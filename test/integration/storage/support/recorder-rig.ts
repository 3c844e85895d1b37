import { EventEmitter, once } from 'node:events';
import { MediaStream } from '../../../../src/rtp/media-stream.ts';
import { SILENT } from '../../../../src/log.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { supervise } from '../../../../src/runtime/supervise.ts';
import { AwsStorage } from '../../../../src/signaling/aws-storage.ts';
import { MediaStorage } from '../../../../src/signaling/media-storage.ts';
import { StorageSession } from '../../../../src/webrtc/storage-session.ts';
import type { StorageGap, StorageState, StorageTiming } from '../../../../src/webrtc/storage-status.ts';
import { DtlsLoader } from '../../../../src/webrtc/werift/dtls-loader.ts';
import { PeerTransport } from '../../../../src/webrtc/werift/peer-transport.ts';
import type { LocalCloud } from '../../../cloud/local-cloud.ts';
import type { RecordedMedia } from '../../../cloud/storage/recorded-media.ts';
import { localIce } from '../../../support/local-ice.ts';
import { Master } from '../../signaling/support/master.ts';

const loader = new DtlsLoader();
const FRAME_MS = 40;
/** Where each picture has its number, in digits: no start code can come of them. */
const NUMBER_AT = 8;
const NUMBER_LENGTH = 8;
/** Minutes become fractions of a second. */
const TIMING: Partial<StorageTiming> = {
  offerMs: 400,
  connectMs: 3_000,
  slowRetryMs: 500,
  failureWindowMs: 60_000,
};
const RENDITION = { name: 'high', width: 320, height: 180, fps: 25, bitrateKbps: 300 };

const ice = localIce({ log: SILENT });

/** The agent's storage session on a channel of the local cloud, fed with made-up pictures and sounds. */
export class RecorderRig {
  readonly session: StorageSession;
  readonly master: Master;
  readonly gaps: StorageGap[] = [];
  readonly joinsMs: number[] = [];
  readonly reasons: string[] = [];
  acquired = 0;
  /** Whether the camera gives pictures beside its sound. */
  hasPicture = true;
  readonly #video = new MediaStream({ codec: 'h264', clock: systemClock, historyMs: 30_000 });
  readonly #audio = new MediaStream({ codec: 'opus', clock: systemClock, historyMs: 30_000 });
  readonly #changes = new EventEmitter();
  readonly #stop = new AbortController();
  #frames = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(cloud: LocalCloud, channelName: string, timing: Partial<StorageTiming> = {}) {
    const master = new Master(cloud, {
      channelName,
      withStorage: true,
      onOffer: (clientId, sdp) => clientId === '' && this.session.onOffer(sdp),
    });
    this.master = master;
    const storage = new MediaStorage({
      channel: master.channel,
      calls: new AwsStorage(master.controlPlane.calls),
      onJoined: (ms) => this.joinsMs.push(ms),
      clock: systemClock,
    });
    const shared = { clock: systemClock, random: systemRandom, log: SILENT };
    this.session = new StorageSession({
      channelName,
      service: storage,
      signaling: {
        connected: async () => master.connected(),
        sendAnswer: (sdp) => void master.signaling.sendAnswer('', sdp),
        sendCandidate: (candidate) => void master.signaling.sendCandidate('', { candidate }),
      },
      streams: {
        video: {
          list: () => [RENDITION],
          lease: () => ({ stream: this.#video, release: () => {} }),
          onChange: () => () => {},
        },
        audio: this.#audio,
      },
      video: this.#video,
      maxBitrateKbps: 1_000,
      twcc: true,
      acquire: () => this.#acquire(),
      createTransport: () => new PeerTransport(loader, ice),
      iceServers: () => [],
      onGap: (gap) => this.gaps.push(gap),
      onStatus: () => this.#changed(),
      timing: { ...TIMING, ...timing },
      ...shared,
    });
    master.on('candidate', () => {
      const last = master.candidates.at(-1);
      if (last?.clientId === '') this.session.onCandidate(last.candidate.candidate);
    });
  }

  start(): this {
    this.master.start();
    const options = { name: 'recording', backoff: { baseMs: 100, maxMs: 200 } };
    const shared = { clock: systemClock, random: systemRandom, log: SILENT };
    const feed = setInterval(() => this.#feed(), FRAME_MS);
    const run = supervise((stop) => this.session.run(stop), this.#stop.signal, { ...options, ...shared });
    this.#running = run.then(() => this.session.close()).finally(() => clearInterval(feed));
    return this;
  }

  /** Resolves once the session is in this state. */
  async until(state: StorageState, timeoutMs = 15_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.session.status.state !== state) await once(this.#changes, 'change', { signal });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.master.stop();
  }

  #acquire(): { release(): void } {
    this.acquired += 1;
    return { release: () => void (this.acquired -= 1) };
  }

  #changed(): void {
    const { reason } = this.session.status;
    if (reason !== '') this.reasons.push(reason);
    this.#changes.emit('change');
  }

  /** A GOP of 12 pictures, which no decoder ever sees, and silence. */
  #feed(): void {
    const keyframe = this.#frames % 12 === 0;
    const data = Buffer.alloc(keyframe ? 3_000 : 800, 0xa5);
    data.writeUInt32BE(1);
    data[4] = keyframe ? 0x65 : 0x41;
    data.write(String(this.#frames).padStart(NUMBER_LENGTH, '0'), NUMBER_AT);
    this.#frames += 1;
    const captureTimeMs = Date.now();
    if (this.hasPicture) this.#video.push({ codec: 'h264', data, captureTimeMs, keyframe });
    for (const offsetMs of [0, FRAME_MS / 2]) {
      const silence = Buffer.from([0xf8, 0xff, 0xfe]);
      this.#audio.push({
        codec: 'opus',
        data: silence,
        captureTimeMs: captureTimeMs + offsetMs,
        keyframe: true,
      });
    }
  }
}

/** Of the pictures that were recorded, those that do not follow the one before. */
export function missingPictures(media: RecordedMedia): number[] {
  const numbers = media
    .pictures()
    .map(({ data }) => Number(data.toString('latin1', NUMBER_AT, NUMBER_AT + NUMBER_LENGTH)));
  return numbers.filter((number, i) => i > 0 && number !== (numbers[i - 1] ?? 0) + 1);
}
