import type { JsonObject, Layer } from './config/layers.ts';
import { ComponentConfiguration, readComponentConfiguration } from './greengrass/component-config.ts';
import { ComponentState } from './greengrass/component-state.ts';
import { discoverDevice } from './greengrass/device-discovery.ts';
import { IpcClient } from './greengrass/ipc-client.ts';
import { TokenRefusedError, type IpcAddress } from './greengrass/ipc-connection.ts';
import { IpcMqtt } from './greengrass/ipc-mqtt.ts';
import { LocalTopics } from './greengrass/local-topics.ts';
import { secretLogin } from './greengrass/secrets.ts';
import { UpdateDeferral } from './greengrass/update-deferral.ts';
import { ConfigurationValidation } from './greengrass/validation.ts';
import { RefusedError, type MqttTransport } from './iot/mqtt-connection.ts';
import type { Log } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';

export interface NucleusOptions {
  address: IpcAddress;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What the nucleus says of this device, as layers from the bottom up. */
export interface NucleusLayers {
  discovered: Layer;
  component: Layer;
  /** HTTPS_PROXY and NO_PROXY of the nucleus where the environment has none. */
  proxyEnv: NodeJS.ProcessEnv;
  /** The nucleus lite: long MQTT messages vanish. */
  isLite: boolean;
}

export interface NucleusServices {
  /** Everything wrong with a proposed component configuration, one line each. */
  faultsOf: (proposed: Layer) => readonly string[];
  /** The component's configuration has changed. */
  onConfiguration: (component: Layer) => void;
  /** Somebody watches: an update can wait a little. */
  isBusy: () => boolean;
  /** Why the agent cannot do its work, whatever network and cameras do; undefined: it can. */
  sickness: () => Promise<string | undefined>;
}

/** The agent as a Greengrass component: everything that goes through the nucleus. */
export class Nucleus {
  readonly #options: NucleusOptions;
  readonly #ipc: IpcClient;
  readonly #state: ComponentState;

  constructor(options: NucleusOptions) {
    const { address, clock, log } = options;
    this.#options = options;
    this.#ipc = new IpcClient({ address, clock, log });
    this.#state = new ComponentState(this.#ipc, log);
  }

  /**
   * Keeps the connection until `signal` aborts.
   * @throws TokenRefusedError when the nucleus was restarted and does not know this process: it has to end, so that it is started anew.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const refusal = new AbortController();
    await supervise((stop) => this.#ipc.run(stop), AbortSignal.any([signal, refusal.signal]), {
      name: 'nucleus',
      clock,
      random,
      log,
      onFailure: (error) => error instanceof TokenRefusedError && refusal.abort(error),
    });
    if (!signal.aborted) refusal.signal.throwIfAborted();
  }

  /** Waits for the nucleus and asks it who this device is and what the deployment configured. */
  async layers(signal: AbortSignal): Promise<NucleusLayers> {
    const { env, log } = this.#options;
    const connection = await this.#ipc.connected(signal);
    const [{ layer, proxy, notes }, values] = await Promise.all([
      discoverDevice(connection, env),
      readComponentConfiguration(connection),
    ]);
    for (const note of notes) log.info({}, note);
    const proxyEnv = proxy ? { HTTPS_PROXY: proxy.url, NO_PROXY: proxy.noProxy } : {};
    const isLite = connection.nucleus === 'lite';
    return { discovered: layer, component: componentLayer(values), proxyEnv, isLite };
  }

  /** MQTT through the nucleus instead of a connection of our own. */
  mqtt(): MqttTransport {
    return new IpcMqtt({ ipc: this.#ipc, refused: (message) => new RefusedError(message) });
  }

  /** What other components are asked through. */
  topics(): LocalTopics {
    const { clock, random } = this.#options;
    return new LocalTopics({ ipc: this.#ipc, clock, random });
  }

  /** `user:password` out of the secret manager. Rejects with the cure where there is none. */
  async login(secretId: string): Promise<string> {
    const { connection } = this.#ipc;
    if (!connection) throw new Error(`the secret ${secretId} cannot be read: the nucleus is not there`);
    return await secretLogin(connection, secretId);
  }

  /** Tells the nucleus that the agent is healthy, or why not, and from now on answers its questions. */
  async serve({ faultsOf, onConfiguration, isBusy, sickness }: NucleusServices): Promise<void> {
    const { clock, log } = this.#options;
    const ipc = this.#ipc;
    new ConfigurationValidation({ ipc, log, faultsOf: (values) => faultsOf(componentLayer(values)) }).start();
    new UpdateDeferral({ ipc, clock, log, isBusy }).start();
    new ComponentConfiguration({
      ipc,
      clock,
      log,
      onChange: (values) => onConfiguration(componentLayer(values)),
    }).start();
    this.#state.start();
    const reason = await sickness();
    await (reason === undefined ? this.#state.report('RUNNING') : this.#state.report('ERRORED', reason));
  }
}

function componentLayer(values: JsonObject): Layer {
  return { name: 'component configuration', values };
}
