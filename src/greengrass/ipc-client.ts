import type { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { aborted, within, type Clock } from '../runtime/clock.ts';
import { IpcConnection, type NucleusKind } from './ipc-connection.ts';
import { IpcError, property, toError } from './ipc-error.ts';
import { getConfiguration } from './get-configuration.ts';

/** How a component reaches its nucleus. */
export interface IpcAddress {
  socketPath: string;
  /** SVCUID; secret. */
  token: string;
}

/** The nucleus does not know our token (any more): only the nucleus can help, by starting us with a new one. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

/** What a part does with each new connection, e.g. subscribe. An `IpcError` costs the part, no other. */
export type IpcPart = (connection: IpcConnection) => Promise<void>;

export interface IpcClientOptions {
  address: IpcAddress;
  clock: Clock;
  log: Log;
}

const CONNECT_TIMEOUT_MS = 10_000;
const ABANDON_TIMEOUT_MS = 500;
/**
 * Lite closes on a bad token without a word, and so does a nucleus that is just ending; of classic's refusal the SDK
 * often sees the closing first. Believed at the third.
 */
const SILENT_REFUSALS = 3;
/** Members of the SDK's RpcErrorType. */
const HANDSHAKE_ERROR = 2;
const NETWORK_ERROR = 5;

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
    const connection = await Promise.race([this.#next.promise, aborted(signal)]);
    if (connection) return connection;
    throw new Error('stopped while waiting for the nucleus');
  }

  /** Runs `part` on each connection to come, and on the present one. */
  attach(part: IpcPart): void {
    this.#parts.add(part);
    const connection = this.#connection;
    // Failing here is a fault of the connection, which `run` meets itself.
    if (connection) void this.#start(part, connection).catch(() => connection.close());
  }

  /**
   * Connects once and stays until `signal` aborts. Rejects with `TokenRefusedError` where the nucleus does not know
   * us, with another Error where there is no connection or it is lost.
   */
  async run(signal: AbortSignal): Promise<void> {
    const connection = await this.#connect(signal);
    if (!connection) return;
    const lost = connection.lost.then((reason) => Promise.reject(reason));
    try {
      this.#connection = connection;
      this.#next.resolve(connection);
      this.#options.log.info({ nucleus: connection.nucleus }, 'connected to the nucleus');
      const started = Promise.all([...this.#parts].map((part) => this.#start(part, connection)));
      await Promise.race([started, lost, aborted(signal)]);
      await Promise.race([lost, aborted(signal)]);
    } finally {
      this.#connection = undefined;
      this.#next = Promise.withResolvers<IpcConnection>();
      lost.catch(() => {});
      await connection.close();
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

  /** Undefined where `signal` aborted meanwhile. */
  async #connect(signal: AbortSignal): Promise<IpcConnection | undefined> {
    if (signal.aborted) return undefined;
    const { address, clock } = this.#options;
    const client = await newClient(address);
    const connecting = client.connect();
    try {
      await Promise.race([within(clock, CONNECT_TIMEOUT_MS, 'no answer', connecting), aborted(signal)]);
      if (signal.aborted) return await abandon(client, connecting, clock);
      this.#silentRefusals = 0;
      return new IpcConnection(client, await nucleusKind(client, clock), clock);
    } catch (error) {
      await client.close();
      throw this.#connectFailure(error);
    }
  }

  #connectFailure(error: unknown): Error {
    const type = property(error, 'type');
    if (type === NETWORK_ERROR) this.#silentRefusals += 1;
    if (type === HANDSHAKE_ERROR || this.#silentRefusals >= SILENT_REFUSALS) {
      return new TokenRefusedError('the nucleus does not know this process (SVCUID): was it restarted?');
    }
    return toError(`connecting to the nucleus at ${this.#options.address.socketPath}`, error);
  }
}

/** The library is loaded when it is first needed: it costs 70 ms and 25 MB. */
async function newClient({ socketPath, token }: IpcAddress): Promise<greengrasscoreipc.Client> {
  const { createClient, createDefaultClientConfig } =
    await import('aws-iot-device-sdk-v2/dist/greengrasscoreipc.js');
  return createClient({
    ...createDefaultClientConfig(),
    hostName: socketPath,
    connectTransform: ({ message }) =>
      Promise.resolve({ ...message, payload: JSON.stringify({ authToken: token }) }),
  });
}

/**
 * The native client ends the whole process (an assertion) when it is closed before its socket is connected, so one
 * that is still connecting is left alone: this process is stopping anyway. The socket itself takes 3 s at most.
 */
async function abandon(
  client: greengrasscoreipc.Client,
  connecting: Promise<void>,
  clock: Clock,
): Promise<undefined> {
  const settled = connecting.then(
    () => client.close(),
    () => client.close(),
  );
  await within(clock, ABANDON_TIMEOUT_MS, 'still connecting', settled).catch(() => {});
  return undefined;
}

/** Only lite has a configuration of this name. */
async function nucleusKind(client: greengrasscoreipc.Client, clock: Clock): Promise<NucleusKind> {
  const connection = new IpcConnection(client, 'classic', clock);
  const configuration = await getConfiguration(connection, 'aws.greengrass.NucleusLite');
  return configuration ? 'lite' : 'classic';
}
