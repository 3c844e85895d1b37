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
      await connection.subscribe(
        'SubscribeToValidateConfigurationUpdates',
        (client) => client.subscribeToValidateConfigurationUpdates({}),
        ({ validateConfigurationUpdateEvent: event }) => {
          if (!event) return;
          const configuration: unknown = event.configuration;
          this.#answer(connection, event.deploymentId, configuration).catch((error: unknown) => {
            log.warn({ error: errorText(error) }, 'the nucleus could not be told about a configuration');
          });
        },
      );
    });
  }

  async #answer(connection: IpcConnection, deploymentId: string, proposed: unknown): Promise<void> {
    const { log } = this.#options;
    const faults = this.#faultsOf(proposed);
    const isGood = faults.length === 0;
    if (!isGood) log.warn({ deploymentId, faults }, 'proposed configuration refused');
    const { ConfigurationValidityStatus: Status } =
      await import('aws-iot-device-sdk-v2/dist/greengrasscoreipc/model.js');
    const configurationValidityReport = {
      // Classic leaves it out of its event, the SDK insists on it in the report.
      deploymentId: deploymentId ?? '',
      status: isGood ? Status.ACCEPTED : Status.REJECTED,
      message: faults.join('; ').slice(0, MAX_MESSAGE_LENGTH),
    };
    await connection.call('SendConfigurationValidityReport', (client) =>
      client.sendConfigurationValidityReport({ configurationValidityReport }),
    );
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
