import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant } from '../../support/run-record.ts';
import { authorize } from './access-control.ts';
import type { Broker } from './broker.ts';
import { ComponentRunner, type ComponentRunnerOptions } from './component-runner.ts';
import { ConfigStore, scalarsAsText, type Configuration } from './config-store.ts';
import { ConfigurationService } from './configuration-service.ts';
import { componentEnvironment } from './environment.ts';
import { IpcServer } from './ipc-server.ts';
import { IpcError, type Operation } from './ipc-session.ts';
import { LifecycleService, type ReportedState } from './lifecycle-service.ts';
import { LocalPubSub } from './local-pubsub.ts';
import { MqttProxy } from './mqtt-proxy.ts';
import { nucleusConfiguration, systemYaml, type DeviceSettings } from './nucleus-configuration.ts';
import { parseRecipe, type Personality, type RecipeVariables } from './recipe.ts';
import { TokenExchange, type ExchangedCredentials } from './token-exchange.ts';

export interface NucleusOptions {
  personality: Personality;
  device: DeviceSettings;
  /** An existing folder of this nucleus's own, e.g. for `/greengrass/v2`. */
  rootPath: string;
  broker: Broker;
  /** The role-alias exchange of the token exchange service. */
  exchange?: () => Promise<ExchangedCredentials>;
  /** How much faster than a real one's its clock runs between two questions about a deferred update; default 1. */
  hurry?: number;
  /** What the secret manager component holds; classic only. */
  secrets?: Record<string, string>;
}

export interface DeploymentResult {
  status: 'SUCCEEDED' | 'FAILED_NO_STATE_CHANGE';
  message: string;
}

export interface InstallOptions extends Pick<
  ComponentRunnerOptions,
  'user' | 'restartDelayMs' | 'stopTimeoutMs'
> {
  /** Where the artifact's files are; default below the root, as a nucleus lays them out. */
  decompressedPath?: string;
  /** Merged into the recipe's DefaultConfiguration, as a deployment would. */
  merge?: Configuration;
  /** Further environment, e.g. of the machine; PATH above all. */
  environment?: Record<string, string>;
}

const LITE_FRAME_BYTES = 10_000;
const SECRET_MANAGER = 'aws.greengrass.SecretManager';

/** A Greengrass nucleus as one component sees it, classic or lite. */
export class Nucleus {
  readonly personality: Personality;
  readonly configs = new ConfigStore();
  readonly configuration: ConfigurationService;
  readonly lifecycle: LifecycleService;
  readonly ipc: IpcServer;
  /** Every UpdateState, oldest first. */
  readonly reportedStates: { component: string; state: ReportedState }[] = [];
  readonly #options: NucleusOptions;
  readonly #tokenExchange: TokenExchange;
  readonly #tokens = new Map<string, string>();
  readonly #runners = new Map<string, ComponentRunner>();

  constructor(options: NucleusOptions) {
    const { personality, broker, rootPath, device } = options;
    const isLite = personality === 'lite';
    this.#options = options;
    this.personality = personality;
    this.configuration = new ConfigurationService(this.configs, isLite);
    const onState = (component: string, state: ReportedState) => {
      this.reportedStates.push({ component, state });
      this.#runners.get(component)?.report(state);
    };
    this.lifecycle = new LifecycleService({ isLite, onState, hurry: options.hurry ?? 1 });
    const operations: Record<string, Operation> = {
      ...this.configuration.operations,
      ...this.lifecycle.operations,
      ...new LocalPubSub(this.configs).operations,
      ...new MqttProxy(broker, this.configs, isLite).operations,
      ...(isLite ? {} : { GetSecretValue: (request, { component }) => this.#secret(request, component) }),
    };
    this.ipc = new IpcServer(join(rootPath, isLite ? 'gg-ipc.socket' : 'ipc.socket'), {
      componentOf: (token) => [...this.#tokens].find(([, each]) => each === token)?.[0],
      operation: (name) => (Object.hasOwn(operations, name) ? operations[name] : undefined),
      maxFrameBytes: isLite ? LITE_FRAME_BYTES : undefined,
      isLite,
    });
    this.#tokenExchange = new TokenExchange({
      isComponent: (token) => [...this.#tokens.values()].includes(token),
      exchange: options.exchange ?? (() => Promise.reject(new Error('no role alias'))),
    });
    const nucleusName = isLite ? 'aws.greengrass.NucleusLite' : 'aws.greengrass.Nucleus';
    this.configs.set(nucleusName, nucleusConfiguration(device, personality));
  }

  /** Where certificate, key and CA are written down; the folder is closed to others, as on a device. */
  get configFile(): string {
    const { rootPath } = this.#options;
    return join(rootPath, 'config', this.personality === 'lite' ? 'config.yaml' : 'effectiveConfig.yaml');
  }

  async start(): Promise<void> {
    const { rootPath, device } = this.#options;
    mkdirSync(join(rootPath, 'config'), { recursive: true });
    chmodSync(join(rootPath, 'config'), 0o700);
    writeFileSync(this.configFile, systemYaml(device, rootPath, this.personality));
    await Promise.all([this.ipc.start(), this.#tokenExchange.start()]);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
    await Promise.all([this.ipc.stop(), this.#tokenExchange.stop()]);
  }

  /** The IPC server comes back knowing none of the tokens it gave out; processes go on. */
  async restart(): Promise<void> {
    await this.ipc.stop();
    for (const component of this.#tokens.keys()) this.#tokens.set(component, newToken());
    await this.ipc.start();
  }

  /** Makes a component known that a test runs by itself; resolves to its environment. */
  addComponent(component: string, configuration: Configuration = {}): Record<string, string> {
    this.configs.set(component, configuration);
    return this.environmentOf(component, true);
  }

  /** The environment that the component's scripts get from the nucleus. */
  environmentOf(component: string, usesTokenExchange: boolean): Record<string, string> {
    const token = this.#tokens.get(component) ?? newToken();
    this.#tokens.set(component, token);
    return componentEnvironment({
      personality: this.personality,
      device: this.#options.device,
      token,
      socketPath: this.ipc.path,
      // Lite sets it only for components that depend on the service.
      tokenExchangeUri:
        usesTokenExchange || this.personality === 'classic' ? this.#tokenExchange.uri : undefined,
    });
  }

  /** Installs a recipe's component; `start()` of the runner begins its life. */
  install(recipeText: string, options: InstallOptions = {}): ComponentRunner {
    const recipe = parseRecipe(recipeText, this.personality);
    const { componentName, version, dependencies, defaultConfiguration } = recipe;
    const { decompressedPath, merge, environment, ...others } = options;
    const isLite = this.personality === 'lite';
    const defaults = isLite ? scalarsAsText(defaultConfiguration) : defaultConfiguration;
    this.configs.set(componentName, { ...(typeof defaults === 'object' ? defaults : {}) });
    if (merge) this.configs.merge(componentName, merge);
    const paths = this.#paths(componentName, version);
    const runner = new ComponentRunner({
      ...others,
      recipe,
      personality: this.personality,
      variables: () => ({
        ...paths,
        ...(decompressedPath === undefined ? {} : { decompressedPath }),
        thingName: this.#options.device.thingName,
        configuration: this.configs.of(componentName) ?? {},
      }),
      environment: () => ({
        ...environment,
        ...this.environmentOf(componentName, dependencies.includes('aws.greengrass.TokenExchangeService')),
      }),
    });
    mkdirSync(paths.workPath, { recursive: true });
    if (options.user) chmodSync(paths.workPath, 0o777);
    this.#runners.set(componentName, runner);
    return runner;
  }

  /**
   * A deployment that changes a component's configuration. Classic asks the component whether it is valid, and then
   * whether now is a good time; lite applies it.
   */
  async deploy({
    component,
    merge,
    reset = [],
  }: {
    component: string;
    merge?: Configuration;
    reset?: string[];
  }): Promise<DeploymentResult> {
    const deploymentId = randomUUID();
    if (this.personality === 'classic') {
      const proposed = this.configs.proposed(component, merge ?? {});
      const { status, message } = await this.configuration.validate(component, proposed, deploymentId);
      if (status === 'REJECTED') return { status: 'FAILED_NO_STATE_CHANGE', message };
      await this.lifecycle.untilUpdateAllowed(deploymentId, false);
    }
    if (reset.length > 0) this.configs.remove(component, reset);
    if (merge) this.configs.merge(component, merge);
    this.lifecycle.announceUpdated(deploymentId);
    return { status: 'SUCCEEDED', message: '' };
  }

  #paths(component: string, version: string): Omit<RecipeVariables, 'thingName' | 'configuration'> {
    const { rootPath } = this.#options;
    return {
      rootPath,
      workPath: join(rootPath, 'work', component),
      artifactsPath: join(rootPath, 'packages/artifacts', component, version),
      decompressedPath: join(rootPath, 'packages/artifacts-unarchived', component, version),
    };
  }

  #secret({ secretId }: Record<string, unknown>, component: string): object {
    const name = typeof secretId === 'string' ? secretId : '';
    const { secrets } = this.#options;
    const asked = { service: SECRET_MANAGER, operation: 'GetSecretValue', resource: name };
    authorize(component, this.configs.of(component), asked);
    // Without the secret manager component nothing answers.
    if (!secrets) throw new IpcError('ServiceError', 'Secret manager is not installed');
    const secretString = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (secretString === undefined) throw new IpcError('ResourceNotFoundError', `Secret not found ${name}`);
    return { secretId: name, versionId: '1', versionStage: ['AWSCURRENT'], secretValue: { secretString } };
  }
}

function newToken(): string {
  const token = randomBytes(12).toString('base64');
  plant(token);
  return token;
}
