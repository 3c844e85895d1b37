import type { RawData, WebSocket } from 'ws';
import { systemClock, type Timer } from '../../src/runtime/clock.ts';
import type { SignalingRole } from './channels.ts';
import type { CloudContext } from './context.ts';
import {
  checkMessage,
  readFrame,
  RefusedMessage,
  type ClientMessage,
  type StatusResponse,
} from './signaling-message.ts';

/** What a session hands its messages to. */
export interface Router {
  /** Throws a `RefusedMessage`. */
  route(from: SignalingSession, message: ClientMessage): void;
  left(session: SignalingSession, code: number): void;
}

/** What the service uses where it ends a connection itself. */
export const GOING_AWAY = 1001;

/** One WebSocket of a master or viewer: its lifetime, its limits, its status responses. */
export class SignalingSession {
  readonly role: SignalingRole;
  readonly channelName: string;
  /** A viewer's; empty for the master. */
  readonly clientId: string;
  readonly #socket: WebSocket;
  readonly #context: CloudContext;
  readonly #router: Router;
  readonly #timers: Timer[] = [];
  #idle: Timer | undefined;
  #recent: { at: number; action: string }[] = [];

  constructor(
    who: { role: SignalingRole; channelName: string; clientId: string },
    socket: WebSocket,
    router: Router,
    context: CloudContext,
  ) {
    this.role = who.role;
    this.channelName = who.channelName;
    this.clientId = who.clientId;
    this.#socket = socket;
    this.#router = router;
    this.#context = context;
  }

  start(): void {
    const { sessionMs, goAwayBeforeEndMs } = this.#context.limits;
    this.#socket.on('message', (data) => this.#received(data));
    this.#socket.on('ping', () => this.#active());
    // An oversized or broken frame: ws closes the connection itself, `close` follows.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', (code) => this.#closed(code));
    this.#timers.push(systemClock.after(sessionMs, () => this.close()));
    if (goAwayBeforeEndMs > 0) {
      this.#timers.push(systemClock.after(sessionMs - goAwayBeforeEndMs, () => this.#sendEvent('GO_AWAY')));
    }
    this.#active();
  }

  /** Asks the client to reconnect; the connection ends `goAwayGraceMs` later. */
  goAway(): void {
    this.#sendEvent('GO_AWAY');
    this.#timers.push(systemClock.after(this.#context.limits.goAwayGraceMs, () => this.close()));
  }

  reconnectIceServer(): void {
    this.#sendEvent('RECONNECT_ICE_SERVER');
  }

  /** False from the first half of a closing handshake on. */
  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  deliver(messageType: string, messagePayload: string, senderClientId: string): void {
    const sender = senderClientId ? { senderClientId } : {};
    this.sendFrame(JSON.stringify({ messageType, messagePayload, ...sender }));
  }

  /** Any text, also a wrong one. */
  sendFrame(text: string): void {
    this.#socket.send(text);
  }

  close(code: number = GOING_AWAY): void {
    this.#socket.close(code);
  }

  /** Cuts the connection without a close frame. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Stops reading, so that neither messages nor pings are answered, as behind a dead network. */
  freeze(): void {
    this.#socket.pause();
  }

  #received(data: RawData): void {
    this.#active();
    let message: ClientMessage | undefined;
    try {
      message = readFrame(Array.isArray(data) ? Buffer.concat(data).toString() : textOf(data));
      checkMessage(message, this.#context.limits.maxPayloadBytes);
      this.#countRate(message);
      this.#router.route(this, message);
      this.#status(message, { success: true, statusCode: '200' });
    } catch (error) {
      if (!(error instanceof RefusedMessage)) throw error;
      this.#record(message, 'refused');
      this.#status(message, {
        success: false,
        errorType: error.errorType,
        statusCode: String(error.statusCode),
        description: error.message,
      });
    }
  }

  /** STATUS_RESPONSE comes only where the client sent a correlation id. */
  #status(message: ClientMessage | undefined, status: Omit<StatusResponse, 'correlationId'>): void {
    if (!message?.correlationId) return;
    const statusResponse = { correlationId: message.correlationId, ...status };
    this.sendFrame(JSON.stringify({ messageType: 'STATUS_RESPONSE', messagePayload: '', statusResponse }));
  }

  #countRate(message: ClientMessage): void {
    const now = systemClock.monotonic();
    this.#recent = this.#recent.filter(({ at }) => at > now - 1000);
    this.#recent.push({ at: now, action: message.action });
    const { limits } = this.#context;
    const limit = isCandidate(message) ? limits.candidatesPerSecond : limits.sdpPerSecond;
    const sent = this.#recent.filter((entry) => isCandidate(entry) === isCandidate(message)).length;
    if (sent <= limit) return;
    this.#record(message, 'over-rate');
    if (limits.enforceRates) throw new RefusedMessage(429, 'LimitExceededException', 'Rate exceeded');
  }

  #record(message: ClientMessage | undefined, outcome: 'refused' | 'over-rate'): void {
    this.#context.events.add({
      type: 'message',
      channelName: this.channelName,
      from: this.role,
      clientId: this.clientId || (message?.recipientClientId ?? ''),
      action: message?.action ?? '',
      outcome,
    });
  }

  #sendEvent(messageType: string): void {
    this.sendFrame(JSON.stringify({ messageType, messagePayload: '' }));
  }

  #active(): void {
    this.#idle?.cancel();
    this.#idle = systemClock.after(this.#context.limits.idleMs, () => this.close());
  }

  #closed(code: number): void {
    for (const timer of this.#timers) timer.cancel();
    this.#idle?.cancel();
    this.#router.left(this, code);
  }
}

function textOf(data: Buffer | ArrayBuffer): string {
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}

function isCandidate({ action }: { action: string }): boolean {
  return action === 'ICE_CANDIDATE';
}
