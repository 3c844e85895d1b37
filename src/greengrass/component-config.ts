import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { getConfiguration } from './get-configuration.ts';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

export interface ComponentConfigurationOptions {
  ipc: IpcClient;
  clock: Clock;
  log: Log;
  /** Told of the first configuration and of each that differs from the one before. */
  onChange: (values: JsonObject) => void;
}

/** Keys of the component's configuration that are not the agent's: for the nucleus and for the recipe's scripts. */
const RECIPE_KEYS = ['accessControl', 'installPackages'];
/** A deployment changes key after key, each with an event of its own. */
const SETTLE_MS = 300;

/**
 * The agent's keys of the component's configuration, as the recipe's defaults and deployments make it. The nucleus
 * may have turned numbers and booleans into text.
 */
export async function readComponentConfiguration(connection: IpcConnection): Promise<JsonObject> {
  try {
    return agentKeys((await getConfiguration(connection)) ?? {});
  } catch (error) {
    // Everything of a component fits into one answer of 10,000 B, or there is none and no word why.
    if (connection.nucleus !== 'lite' || !(error instanceof IpcError) || !error.isUnsupported) throw error;
    const why = 'the component configuration is too large for the lite nucleus, keep it under 9,000 B';
    throw new IpcError('GetConfiguration', error.code, why);
  }
}

export function agentKeys(configuration: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(configuration).filter(([key]) => !RECIPE_KEYS.includes(key)));
}

/** Follows the component's configuration through deployments; reads it anew on each connection. */
export class ComponentConfiguration {
  readonly #options: ComponentConfigurationOptions;
  #values: JsonObject | undefined;
  #settling: Timer | undefined;

  constructor(options: ComponentConfigurationOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.ipc.attach((connection) => this.#follow(connection));
  }

  async #follow(connection: IpcConnection): Promise<void> {
    try {
      // First the subscription, so that no change falls between.
      const request = { keyPath: [] };
      await connection.subscribe('SubscribeToConfigurationUpdate', request, () => this.#changed(connection));
    } finally {
      await this.#read(connection);
    }
  }

  #changed(connection: IpcConnection): void {
    const { clock, log } = this.#options;
    this.#settling?.cancel();
    this.#settling = clock.after(SETTLE_MS, () => {
      this.#read(connection).catch((error: unknown) => {
        log.warn({ error: errorText(error) }, 'the changed component configuration cannot be read');
      });
    });
  }

  async #read(connection: IpcConnection): Promise<void> {
    const values = await readComponentConfiguration(connection);
    if (isDeepStrictEqual(values, this.#values)) return;
    this.#values = values;
    this.#options.onChange(values);
  }
}
