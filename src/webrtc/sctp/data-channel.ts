import type { ChannelTerms } from './dcep.ts';

/** What a channel needs of the association that it belongs to. */
export interface ChannelHost {
  /** False when it cannot be taken. */
  send(channel: DataChannel, message: string | Uint8Array): boolean;
  bufferedBytes(channel: DataChannel): number;
  close(channel: DataChannel): void;
}

/** One data channel (RFC 8831). The callbacks are to be set when it is handed over; what comes is theirs at once. */
export class DataChannel {
  readonly terms: Readonly<ChannelTerms>;
  /** Text, or bytes that are only valid during the call. */
  onMessage: (message: string | Buffer) => void = () => {};
  /** Less than before is on its way to the viewer. */
  onDrain: () => void = () => {};
  /** Closed by whomever; told once. */
  onClose: () => void = () => {};
  readonly #host: ChannelHost;

  constructor(terms: ChannelTerms, host: ChannelHost) {
    this.terms = terms;
    this.#host = host;
  }

  get label(): string {
    return this.terms.label;
  }

  /** Neither order nor anything else is lost. */
  get isReliable(): boolean {
    const { ordered, maxRetransmits, maxLifetimeMs } = this.terms;
    return ordered && maxRetransmits === undefined && maxLifetimeMs === undefined;
  }

  /** Bytes that were sent and are not acknowledged yet. */
  get bufferedBytes(): number {
    return this.#host.bufferedBytes(this);
  }

  /**
   * False when the message is not sent: the channel is closed, the message larger than the viewer takes, or the viewer does not keep
   * up and too much is on its way already (`onDrain` tells when to try again).
   */
  send(message: string | Uint8Array): boolean {
    return this.#host.send(this, message);
  }

  /** What was sent before still arrives. Idempotent. */
  close(): void {
    this.#host.close(this);
  }
}
