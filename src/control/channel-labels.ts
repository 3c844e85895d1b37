import type { Log } from '../log.ts';

/** A data channel that a viewer has opened. */
export interface ViewerChannel {
  readonly label: string;
  /** Neither order nor anything else is lost. */
  readonly isReliable: boolean;
  /** Bytes that were sent and have not arrived yet. */
  readonly bufferedBytes: number;
  /** Text, or bytes that are only valid during the call. */
  onMessage: (message: string | Buffer) => void;
  onClose: () => void;
  /** False when it is not sent: closed, too large, or the viewer does not keep up. */
  send(message: string | Uint8Array): boolean;
  close(): void;
}

/** Serves one channel of one viewer: sets `onMessage` (and `onClose`) before it returns. */
export type ChannelHandler<Viewer> = (channel: ViewerChannel, viewer: Viewer) => void;

export interface ChannelLabelsOptions<Viewer> {
  handlers: Readonly<Record<string, ChannelHandler<Viewer>>>;
  /** Whether what comes on other channels is sent back, as of now. */
  echoesOthers: () => boolean;
  log: Log;
}

/** What is done with the channels that viewers open, by their label. */
export class ChannelLabels<Viewer> {
  readonly #options: ChannelLabelsOptions<Viewer>;

  constructor(options: ChannelLabelsOptions<Viewer>) {
    this.#options = options;
  }

  serve(channel: ViewerChannel, viewer: Viewer): void {
    const { handlers, echoesOthers, log } = this.#options;
    const handler = Object.hasOwn(handlers, channel.label) ? handlers[channel.label] : undefined;
    if (handler) handler(channel, viewer);
    else if (echoesOthers()) echo(channel, log);
  }
}

/** What the viewer does not take is lost, and said once. */
function echo(channel: ViewerChannel, log: Log): void {
  let isTold = false;
  channel.onMessage = (message) => {
    if (channel.send(message) || isTold) return;
    isTold = true;
    const { label, bufferedBytes } = channel;
    const details = { label, bytes: message.length, bufferedBytes };
    log.warn(
      details,
      'an echo is lost: too much is on its way to the viewer already, or it takes no message so large',
    );
  };
}
