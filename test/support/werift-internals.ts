import type { Socket } from 'node:dgram';

/** A werift UDP protocol with the socket beneath it. */
interface SocketProtocol {
  transport?: {
    type: string;
    onData: (data: Buffer, address: readonly [string, number]) => void;
    socket?: Socket;
  };
}

/** The private parts of werift 0.25.2's ICE connection that a light viewer takes its media from. */
export interface IceInternals {
  protocols: SocketProtocol[];
}

/** Undefined when this werift has others. */
export function iceInternals(connection: object): IceInternals | undefined {
  return hasProtocols(connection) ? connection : undefined;
}

function hasProtocols(connection: object): connection is IceInternals {
  return Array.isArray(Reflect.get(connection, 'protocols'));
}
