import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { Log } from '../../../../src/log.ts';
import { MediaStream } from '../../../../src/rtp/media-stream.ts';
import { systemClock, type Clock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { Master } from '../../../../src/webrtc/master.ts';
import type { Renditions } from '../../../../src/webrtc/renditions.ts';
import type { IceServer } from '../../../../src/webrtc/secure-transport.ts';
import type { SessionEnd } from '../../../../src/webrtc/session-end.ts';
import type { DtlsLoader } from '../../../../src/webrtc/werift/dtls-loader.ts';
import { PeerTransport } from '../../../../src/webrtc/werift/peer-transport.ts';
import { localIce } from '../../../support/local-ice.ts';
import { StubViewer } from './stub-viewer.ts';

const FPS = 30;
const KEYFRAME_EVERY = 30;

export interface LoggedLine {
  message: string;
  details: Record<string, unknown>;
}

export interface StubMasterOptions {
  dtls: DtlsLoader;
  maxViewers?: number;
  clock?: Clock;
  iceServers?: () => Array<Promise<readonly IceServer[]>>;
}

/** A real master with a stream of made-up H.264; signaling is a function call. */
export class StubMaster {
  readonly master: Master;
  readonly lines: LoggedLine[] = [];
  readonly ends: SessionEnd[] = [];
  maxSessionMinutes = 0;
  barred: string | undefined;
  /** Leases on the camera that are not released yet. */
  leases = 0;
  readonly #viewers = new Map<string, StubViewer>();
  readonly #events = new EventEmitter();
  readonly #video: MediaStream;
  /** Pictures so far; each is one packet at least. */
  frames = 0;
  readonly #feed: NodeJS.Timeout;

  constructor({ dtls, maxViewers = 10, clock = systemClock, iceServers }: StubMasterOptions) {
    this.#video = new MediaStream({ codec: 'h264', clock });
    const log = this.#log();
    const ice = localIce({ clock, log });
    this.#events.setMaxListeners(0);
    this.master = new Master({
      channelName: 'front',
      limits: () => ({ max: maxViewers, maxSessionMinutes: this.maxSessionMinutes }),
      barred: () => this.barred,
      media: {
        streams: { video: onlyRendition(this.#video), audio: undefined },
        capabilities: () => ({
          video: 'h264',
          h264ProfileLevelId: '42e01f',
          audio: undefined,
          dataChannel: false,
          talk: false,
          twcc: true,
        }),
        acquire: () => {
          this.leases += 1;
          return { release: () => void (this.leases -= 1) };
        },
      },
      signaling: {
        sendAnswer: (clientId, sdp) => this.#events.emit(`answer ${clientId}`, sdp),
        sendCandidate: (clientId, candidate) => this.#viewers.get(clientId)?.addCandidate(candidate),
      },
      createTransport: () => new PeerTransport(dtls, ice),
      iceServers: iceServers ?? (() => []),
      onChannel: () => {},
      onAudio: () => {},
      onSession: () => (end) => {
        this.ends.push(end);
        this.#events.emit('end');
      },
      clock,
      random: systemRandom,
      log,
    });
    this.#feed = setInterval(() => this.#push(), 1_000 / FPS);
    this.#push();
  }

  /** Connects a viewer. */
  async join(viewer: StubViewer): Promise<void> {
    const { clientId } = viewer;
    this.#viewers.set(clientId, viewer);
    const offer = await viewer.offer();
    await viewer.accept(await this.answerTo(clientId, offer));
  }

  async answerTo(clientId: string, offer: string): Promise<string> {
    const answered = once(this.#events, `answer ${clientId}`, { signal: AbortSignal.timeout(5_000) });
    this.master.onOffer(clientId, offer);
    const [answer]: unknown[] = await answered;
    return String(answer);
  }

  async ended(count: number, timeoutMs = 5_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.ends.length < count) await once(this.#events, 'end', { signal });
  }

  /** With it its viewers: where a test has failed, nothing is to keep the process alive. */
  async close(): Promise<void> {
    clearInterval(this.#feed);
    await this.master.close();
    for (const viewer of this.#viewers.values()) viewer.close();
  }

  #push(): void {
    const keyframe = this.frames % KEYFRAME_EVERY === 0;
    const body = randomBytes(keyframe ? 4_000 : 800);
    const header = Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41]);
    // Without start codes inside.
    const data = Buffer.concat([header, body.map((byte) => byte | 1)]);
    this.#video.push({ codec: 'h264', data, captureTimeMs: Date.now(), keyframe });
    this.frames += 1;
  }

  #log(): Log {
    const note = (details: object, message: string) =>
      void this.lines.push({ message, details: { ...details } });
    const log: Log = { debug: () => {}, info: note, warn: note, error: note, child: () => log };
    return log;
  }
}

function onlyRendition(stream: MediaStream): Renditions {
  return {
    list: () => [{ name: 'only', width: 1280, height: 720, fps: FPS, bitrateKbps: 200 }],
    lease: () => ({ stream, release: () => {} }),
    onChange: () => () => {},
  };
}
