import type { Log } from '../log.ts';
import type { MediaStream } from '../rtp/media-stream.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { AudioPacket } from './incoming-audio.ts';
import type { Negotiation } from './negotiate.ts';
import type { Renditions } from './renditions.ts';
import type { Recorder } from './rtp-session.ts';
import type { DataChannel } from './sctp/data-channel.ts';
import type { Offer } from './sdp.ts';
import type { IceServer, SecureTransport } from './secure-transport.ts';

/** What a viewer is served from. */
export interface ViewerStreams {
  video: Renditions;
  audio: MediaStream | undefined;
}

export interface ViewerSessionOptions {
  clientId: string;
  offer: Offer;
  negotiation: Negotiation & { ok: true };
  transport: SecureTransport;
  streams: ViewerStreams;
  /** Names the stream to the browser. */
  streamId: string;
  iceServers: () => Array<Promise<readonly IceServer[]>>;
  sendAnswer: (sdp: string) => void;
  sendCandidate: (candidate: string) => void;
  /** Set where the peer is no viewer, but records. */
  recorder?: Recorder;
  /** Labels of the data channels that we open, reliable and ordered. */
  openChannels?: readonly string[];
  /** A data channel is there, opened by the viewer or by us: its listeners are to be set during the call. */
  onChannel: (channel: DataChannel) => void;
  /** What the viewer says, where it may. */
  onAudio: (packet: AudioPacket) => void;
  /** How much its link lets through has changed. */
  onReach?: () => void;
  clock: Clock;
  random: Random;
  log: Log;
}
