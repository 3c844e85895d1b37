import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { orAborted, type Clock } from '../runtime/clock.ts';
import {
  ClosedUnansweredError,
  IpcConnection,
  TokenRefusedError,
  type IpcAddress,
} from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/** What a part does with each new connection, e.g. subscribe. An `IpcError` costs the part, no other. */
export type IpcPart = (connection: IpcConnection) => Promise<void>;

export interface IpcClientOptions {
  address: IpcAddress;
  clock: Clock;
  log: Log;
}

/** Lite refuses a token by closing, which a nucleus that is just ending does too: believed at the third. */
const SILENT_REFUSALS = 3;

/** The socket and token that a nucleus gave this process; undefined outside of Greengrass. */
export function ipcAddress(env: NodeJS.ProcessEnv): IpcAddress | undefined {
  const socketPath = env.AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT;
  const token = env.SVCUID;
  return socketPath && token ? { socketPath, token } : undefined;
}

/** The connection to the Greengrass nucleus: `run` is one, to be supervised; the parts attached outlive it. */
export class IpcClient {
  readonly #options: IpcClientOptions;
  readonly #parts = new Set<IpcPart>();
  #next = Promise.withResolvers<IpcConnection>();
  #connection: IpcConnection | undefined;
  #silentRefusals = 0;

  constructor(options: IpcClientOptions) {
    this.#options = options;
  }

  get connection(): IpcConnection | undefined {
    return this.#connection;
  }

  /** The present connection or the next one. Rejects when `signal` aborts. */
  async connected(signal: AbortSignal): Promise<IpcConnection> {
    const connection = await orAborted(signal, this.#next.promise);
    if (connection) return connection;
    throw new Error('stopped while waiting for the nucleus');
  }

  /** Runs `part` on each connection to come, and on the present one. */
  attach(part: IpcPart): void {
    this.#parts.add(part);
    const connection = this.#connection;
    // A failure that is not its own is the connection's, which is then made anew.
    if (connection) this.#start(part, connection).catch(() => connection.close());
  }

  /**
   * Connects once and stays until `signal` aborts. Rejects with `TokenRefusedError` where the nucleus does not know
   * us, with another Error where there is no connection or it is lost.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const connection = await this.#open(signal);
    if (!connection) return;
    const stop = () => connection.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#connection = connection;
      this.#next.resolve(connection);
      this.#options.log.info({ nucleus: connection.nucleus }, 'connected to the nucleus');
      const lost = connection.lost.then((reason) => Promise.reject(reason));
      await Promise.race([Promise.all([...this.#parts].map((part) => this.#start(part, connection))), lost]);
      await lost;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#connection = undefined;
      this.#next = Promise.withResolvers<IpcConnection>();
      connection.close();
    }
  }

  /** Undefined where `signal` aborted meanwhile. */
  async #open(signal: AbortSignal): Promise<IpcConnection | undefined> {
    const { address, clock } = this.#options;
    try {
      const connection = await IpcConnection.open(address, clock, signal);
      this.#silentRefusals = 0;
      return connection;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof ClosedUnansweredError)) throw error;
      this.#silentRefusals += 1;
      if (this.#silentRefusals < SILENT_REFUSALS) throw error;
      throw new TokenRefusedError(
        'the nucleus closes every connection of this process (SVCUID): was it restarted?',
      );
    }
  }

  async #start(part: IpcPart, connection: IpcConnection): Promise<void> {
    try {
      await part(connection);
    } catch (error) {
      if (!(error instanceof IpcError)) throw error;
      const { log } = this.#options;
      if (error.isUnsupported) log.info({ error: error.message }, 'this nucleus does not have it');
      else log.warn({ error: errorText(error) }, 'refused by the nucleus');
    }
  }
}
