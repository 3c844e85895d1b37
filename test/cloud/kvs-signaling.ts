import type { IncomingMessage, Server } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Channel, SignalingRole } from './channels.ts';
import type { CloudContext } from './context.ts';
import { failure, garbage, meetFault, ServiceError, type Answer } from './service-error.ts';
import { verifyPresignedUrl } from './sigv4-verify.ts';
import { ID } from './signaling-message.ts';
import { SignalingRoom, type StorageSide } from './signaling-room.ts';
import { SignalingSession } from './signaling-session.ts';

/** Above this the connection is closed (1009); a payload above its limit is refused only. */
const MAX_FRAME_BYTES = 131_072;

/**
 * The signaling service: WebSockets of one master and up to ten viewers a channel. The endpoint that a client
 * connects to decides its role.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-websocket-apis.html
 */
export class KvsSignaling {
  /** Where a master's messages without a recipient go. */
  storage: StorageSide | undefined;
  readonly #context: CloudContext;
  readonly #rooms = new Map<string, SignalingRoom>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });

  constructor(context: CloudContext) {
    this.#context = context;
  }

  /**
   * Serves `role` on an HTTP(S) server's upgrades. A page on `http://localhost` may use `ws://` with a URL signed for
   * `wss://` and the same host: the scheme is no part of the signature. `path` leaves other paths to others.
   */
  attach(server: Server, role: SignalingRole, path?: string): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (path !== undefined && request.url?.split('?')[0] !== path) return;
      // The client may be gone before it is answered.
      socket.on('error', () => socket.destroy());
      void this.#connect(role, request, socket, head);
    });
  }

  /** The connections of a channel. */
  sessions(channelName: string): SignalingSession[] {
    return this.#rooms.get(channelName)?.sessions ?? [];
  }

  master(channelName: string): SignalingSession | undefined {
    return this.#rooms.get(channelName)?.master;
  }

  /** Every connection of every channel. */
  allSessions(): SignalingSession[] {
    return [...this.#rooms.values()].flatMap((room) => room.sessions);
  }

  closeChannel(name: string): void {
    for (const session of this.sessions(name)) session.close();
    this.#rooms.delete(name);
  }

  async #connect(role: SignalingRole, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const operation = role === 'MASTER' ? 'ConnectAsMaster' : 'ConnectAsViewer';
    let resource = '';
    const log = (status: number, errorType = '') =>
      this.#context.events.add({ type: 'request', operation, status, errorType, resource });
    const refuse = (answer: Answer, errorType = '') => {
      log(answer.status, errorType);
      writeAnswer(socket, answer);
    };
    try {
      const query = new URL(request.url ?? '/', 'https://localhost').searchParams;
      const arn = query.get('X-Amz-ChannelARN') ?? '';
      const channel = this.#context.channels.byArn(arn);
      resource = channel?.name ?? '';
      const outcome = await meetFault(this.#context.faults.take(operation), socket);
      if (outcome === 'ended') return log(0);
      if (outcome === 'garbage') return refuse(garbage(this.#context));
      await verifyPresignedUrl({ url: request.url ?? '/', headers: request.headers }, this.#context);
      const { room, clientId, name } = this.#admit(role, arn, channel, query.get('X-Amz-ClientId') ?? '');
      this.#sockets.handleUpgrade(request, socket, head, (ws) => {
        log(101);
        const who = { role, channelName: name, clientId };
        const session = new SignalingSession(who, ws, room, this.#context);
        session.start();
        room.enter(session);
      });
    } catch (error) {
      const answer = failure(error, this.#context);
      refuse(answer, answer.errorType);
    }
  }

  #admit(role: SignalingRole, arn: string, channel: Channel | undefined, clientId: string) {
    if (!arn) throw new ServiceError(400, 'InvalidArgumentException', 'X-Amz-ChannelARN is missing');
    if (!channel) throw new ServiceError(404, 'ResourceNotFoundException', 'The channel does not exist.');
    const room = this.#room(channel);
    if (role === 'MASTER') return { room, name: channel.name, clientId: '' };
    if (!ID.test(clientId))
      throw new ServiceError(400, 'InvalidArgumentException', 'X-Amz-ClientId is not valid');
    room.checkViewer(clientId);
    return { room, name: channel.name, clientId };
  }

  #room(channel: Channel): SignalingRoom {
    const room =
      this.#rooms.get(channel.name) ?? new SignalingRoom(channel, this.#context, () => this.storage);
    this.#rooms.set(channel.name, room);
    return room;
  }
}

function writeAnswer(socket: Duplex, { status, headers, body }: Answer): void {
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
