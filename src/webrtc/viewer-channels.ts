import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { MAX_MESSAGE_BYTES, SCTP_PORT } from './answer.ts';
import type { MediaDecision } from './negotiate.ts';
import type { DataChannel } from './sctp/data-channel.ts';
import type { DataChannels } from './sctp/data-channels.ts';
import type { OfferedMedia } from './sdp.ts';
import type { SecureTransport } from './secure-transport.ts';

export interface ViewerChannelsOptions {
  transport: SecureTransport;
  dtlsRole: 'client' | 'server';
  /** Labels of those that we open, reliable and ordered. */
  openChannels?: readonly string[];
  /** One is there, opened by the viewer or by us: the listeners are to be set during the call. */
  onChannel: (channel: DataChannel) => void;
  clock: Clock;
  random: Random;
  log: Log;
}

/** RFC 8841 section 6.1: what a peer takes that does not say. 0 says: anything. */
const DEFAULT_MAX_MESSAGE_BYTES = 65_536;
const MAX_EARLY_PACKETS = 16;
const RELIABLE = { protocol: '', ordered: true, maxRetransmits: undefined, maxLifetimeMs: undefined };

/** The data channels of one viewer. SCTP is loaded when a viewer that wants them is connected: most devices never need it. */
export class ViewerChannels {
  readonly #options: ViewerChannelsOptions;
  #media: OfferedMedia | undefined;
  #isConnected = false;
  #closed = false;
  #isLoaded = false;
  #channels: DataChannels | undefined;

  constructor(options: ViewerChannelsOptions) {
    this.#options = options;
  }

  /** Heeds what was negotiated, now or anew. */
  update(decisions: readonly MediaDecision[]): void {
    this.#media = decisions.find(({ accepted, kind }) => accepted && kind === 'application')?.media;
    this.#start();
  }

  /** DTLS is connected, and what the viewer waits for most is on its way. */
  connected(): void {
    this.#isConnected = true;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#channels?.close();
  }

  #start(): void {
    if (!this.#isConnected || !this.#media || this.#isLoaded) return;
    this.#isLoaded = true;
    this.#load(this.#media).catch((error: unknown) =>
      this.#options.log.error({ error: errorText(error) }, 'data channels could not be loaded'),
    );
  }

  async #load({ sctpPort, maxMessageSize }: OfferedMedia): Promise<void> {
    const { transport, dtlsRole, openChannels = [], onChannel, clock, random, log } = this.#options;
    const early: Buffer[] = [];
    transport.onData = (packet) => void (early.length < MAX_EARLY_PACKETS && early.push(packet));
    const { DataChannels } = await import('./sctp/data-channels.ts');
    if (this.#closed) return;
    const channels = new DataChannels({
      dtlsRole,
      localPort: SCTP_PORT,
      remotePort: sctpPort ?? SCTP_PORT,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      remoteMaxMessageBytes: (maxMessageSize ?? DEFAULT_MAX_MESSAGE_BYTES) || MAX_MESSAGE_BYTES,
      clock,
      random,
      send: (packet) => transport.sendData(packet),
      onEstablished: () => {
        for (const label of openChannels) onChannel(channels.create({ label, ...RELIABLE }));
      },
      onChannel,
      onClosed: (fault) => log.debug({ fault }, 'data channels closed'),
    });
    this.#channels = channels;
    transport.onData = (packet) => channels.receive(packet);
    for (const packet of early) channels.receive(packet);
    channels.start();
  }
}
