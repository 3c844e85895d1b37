import { isObject, type JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { agentKeys } from './component-config.ts';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';

export interface ConfigurationValidationOptions {
  ipc: IpcClient;
  log: Log;
  /** Everything wrong with a proposed configuration, one line each; empty: it is good. */
  faultsOf: (proposed: JsonObject) => readonly string[];
}

/** The nucleus puts it into the deployment's status, which has its limits. */
const MAX_MESSAGE_LENGTH = 1000;

/**
 * Refuses a deployment with a bad configuration *before* it is applied. Classic only; it asks only where the
 * component's version stays the same, and fails the deployment where no answer comes within 20 s.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-component-configuration.html
 */
export class ConfigurationValidation {
  readonly #options: ConfigurationValidationOptions;

  constructor(options: ConfigurationValidationOptions) {
    this.#options = options;
  }

  start(): void {
    const { ipc, log } = this.#options;
    ipc.attach(async (connection) => {
      await connection.subscribe('SubscribeToValidateConfigurationUpdates', {}, (event) => {
        this.#answer(connection, event).catch((error: unknown) => {
          log.warn({ error: errorText(error) }, 'the nucleus could not be told about a configuration');
        });
      });
    });
  }

  async #answer(
    connection: IpcConnection,
    { validateConfigurationUpdateEvent: event }: JsonObject,
  ): Promise<void> {
    if (!isObject(event)) return;
    const { configuration, deploymentId = '' } = event;
    const faults = this.#faultsOf(configuration);
    if (faults.length > 0) this.#options.log.warn({ deploymentId, faults }, 'proposed configuration refused');
    const configurationValidityReport = {
      deploymentId,
      status: faults.length === 0 ? 'ACCEPTED' : 'REJECTED',
      message: faults.join('; ').slice(0, MAX_MESSAGE_LENGTH),
    };
    await connection.call('SendConfigurationValidityReport', { configurationValidityReport });
  }

  /** Silence would fail the deployment without a reason. */
  #faultsOf(proposed: unknown): readonly string[] {
    try {
      return this.#options.faultsOf(isObject(proposed) ? agentKeys(proposed) : {});
    } catch (error) {
      return [errorText(error)];
    }
  }
}
