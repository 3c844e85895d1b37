import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { SignalingChannel } from './channel.ts';
import type { SignalingFault, SignalingMessage, StatusResponse } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { SignalingCounters, SignalingHandler, SignalingStatus } from './signaling-status.ts';

export interface InboxOptions {
  handler: SignalingHandler;
  channel: SignalingChannel;
  outbox: Outbox;
  counters: SignalingCounters;
  log: Log;
}

/** What arrives on any of the channel's connections, handed to whom it concerns. */
export class Inbox {
  readonly #options: InboxOptions;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  onMessage(message: SignalingMessage): void {
    const { handler, channel, counters } = this.#options;
    switch (message.type) {
      case 'SDP_OFFER':
        counters.offers += 1;
        return this.#tell(() => handler.onOffer(message.clientId, message.sdp));
      case 'ICE_CANDIDATE':
        return this.#tell(() => handler.onCandidate(message.clientId, message.candidate));
      case 'RECONNECT_ICE_SERVER':
        return channel.invalidateIceServers();
      case 'STATUS_RESPONSE':
        return this.#onStatusResponse(message.status);
      case 'GO_AWAY': // The session's own concern.
      case 'SDP_ANSWER': // A master sends no offers.
    }
  }

  onFault(fault: SignalingFault): void {
    const { counters, channel, log } = this.#options;
    const count = (counters.faults[fault] ?? 0) + 1;
    counters.faults[fault] = count;
    // A flood is told of at 1, 10, 100 … frames.
    if (/^10*$/.test(String(count))) {
      log.warn({ channelName: channel.channelName, fault, count }, 'dropped a signaling frame');
    }
  }

  onStatus(status: SignalingStatus): void {
    this.#tell(() => this.#options.handler.onStatus?.(status));
  }

  #onStatusResponse({ correlationId, success, statusCode, errorType, description }: StatusResponse): void {
    const { handler, outbox, counters } = this.#options;
    const clientId = outbox.takeRecipient(correlationId);
    if (success || clientId === undefined) return;
    counters.sendFailures += 1;
    const reason = `${statusCode} ${errorType} ${description}`.trim();
    this.#tell(() => handler.onSendFailed?.(clientId, reason));
  }

  /** A listener's fault must not end the connection that all other viewers share. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      const { log, channel } = this.#options;
      log.error({ channelName: channel.channelName, error: errorText(error) }, 'a signaling listener failed');
    }
  }
}
