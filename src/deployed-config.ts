import { isDeepStrictEqual } from 'node:util';
import { buildConfig } from './config/build.ts';
import { ConfigError, faultText } from './config/faults.ts';
import type { Layer } from './config/layers.ts';
import { errorText } from './errors.ts';
import { LastGoodFile } from './iot/last-good.ts';
import type { Log } from './log.ts';

export interface DeployedConfigOptions {
  /** What the nucleus knows of the device. */
  discovered: Layer;
  /** The component's configuration. */
  component: Layer;
  /** The layers of file and environment. */
  local: readonly Layer[];
  log: Log;
}

/**
 * The configuration that deployments give the component. One that is wrong does not stop a device that worked: the
 * last good one, kept in the state directory, serves on, and what is wrong is told.
 */
export class DeployedConfig {
  readonly #options: DeployedConfigOptions;
  readonly #file: LastGoodFile | undefined;
  #component: Layer;
  #faults: readonly string[] = [];

  constructor(options: DeployedConfigOptions) {
    const { component, local, log } = options;
    this.#options = options;
    this.#component = component;
    // Not from the component's own configuration: that may be the one that is wrong.
    const { stateDirectory } = buildConfig(local);
    this.#file = stateDirectory === '' ? undefined : new LastGoodFile(stateDirectory, 'component', log);
  }

  /** What is wrong with the configuration as deployed, where another one is in force. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Every layer below the shadow, on these of file and environment. */
  layers(local: readonly Layer[] = this.#options.local): Layer[] {
    return [this.#options.discovered, this.#component, ...local];
  }

  /**
   * At the start: falls back to the last good configuration where the deployed one is wrong.
   * @throws ConfigError where there is none.
   */
  async settle(): Promise<void> {
    try {
      buildConfig(this.layers());
      this.#keep();
    } catch (error) {
      const kept = error instanceof ConfigError ? await this.#file?.load() : undefined;
      if (!kept) throw error;
      this.#refuse(error);
      this.#component = { ...this.#component, values: kept.desired };
    }
  }

  /** A deployment changed it: `apply` takes all layers, or throws a ConfigError, after which nothing has changed. */
  replace(component: Layer, apply: (layers: Layer[]) => void): void {
    const former = this.#component;
    this.#component = component;
    try {
      apply(this.layers());
      this.#faults = [];
      this.#keep();
    } catch (error) {
      this.#component = former;
      this.#refuse(error);
    }
  }

  /** Everything wrong with a configuration that is about to be deployed. */
  faultsOf(proposed: Layer): readonly string[] {
    const { discovered, local } = this.#options;
    try {
      buildConfig([discovered, proposed, ...local]);
      return [];
    } catch (error) {
      return faultsOf(error);
    }
  }

  #refuse(error: unknown): void {
    const former = this.#faults;
    this.#faults = faultsOf(error).map((fault) => `component configuration: ${fault}`);
    if (isDeepStrictEqual(this.#faults, former)) return;
    this.#options.log.error(
      { faults: this.#faults },
      'the component configuration is refused, the last good one is used',
    );
  }

  #keep(): void {
    this.#file?.store({ version: 0, desired: this.#component.values }).catch((error: unknown) => {
      this.#options.log.warn({ error: errorText(error) }, 'the component configuration could not be kept');
    });
  }
}

function faultsOf(error: unknown): readonly string[] {
  return error instanceof ConfigError ? error.faults.map(faultText) : [errorText(error)];
}
