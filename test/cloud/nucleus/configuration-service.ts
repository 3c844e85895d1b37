import { valueAt, type ConfigStore, type Configuration } from './config-store.ts';
import { IpcError, type IpcStream, type Operation } from './ipc-session.ts';

export interface ValidityReport {
  status: 'ACCEPTED' | 'REJECTED';
  message: string;
}

/** What a nucleus waits for a component's word on a proposed configuration. */
const VALIDATION_TIMEOUT_MS = 20_000;

/** GetConfiguration and its subscription; on classic also the validation of a proposed configuration. */
export class ConfigurationService {
  readonly operations: Record<string, Operation>;
  readonly #configs: ConfigStore;
  readonly #validators = new Map<string, IpcStream>();
  readonly #awaited = new Map<string, (report: ValidityReport) => void>();

  constructor(configs: ConfigStore, isLite: boolean) {
    this.#configs = configs;
    this.operations = {
      GetConfiguration: (request, { component }) => this.#get(request, component),
      SubscribeToConfigurationUpdate: (request, stream) => this.#subscribe(request, stream),
    };
    if (isLite) return;
    this.operations.SubscribeToValidateConfigurationUpdates = (_request, stream) => {
      this.#validators.set(stream.component, stream);
      stream.onEnd(() => this.#validators.delete(stream.component));
      return {};
    };
    this.operations.SendConfigurationValidityReport = (request, { component }) =>
      this.#report(request, component);
  }

  hasValidator(component: string): boolean {
    return this.#validators.has(component);
  }

  /** The component's word on a configuration; `ACCEPTED` where it does not care. Rejects when it says nothing. */
  validate(component: string, configuration: Configuration, deploymentId: string): Promise<ValidityReport> {
    const stream = this.#validators.get(component);
    if (!stream) return Promise.resolve({ status: 'ACCEPTED', message: '' });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#awaited.delete(component);
        reject(new Error('the component sent no validity report'));
      }, VALIDATION_TIMEOUT_MS);
      this.#awaited.set(component, (report) => {
        clearTimeout(timer);
        resolve(report);
      });
      stream.send('ValidateConfigurationUpdateEvents', {
        validateConfigurationUpdateEvent: { configuration, deploymentId },
      });
    });
  }

  #get(request: Record<string, unknown>, caller: string): object {
    const { component, keyPath } = addressed(request, caller);
    const value = valueAt(this.#configs.of(component), keyPath);
    if (value === undefined) throw new IpcError('ResourceNotFoundError', 'Key not found');
    const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value);
    return { componentName: component, value: isLeaf ? { [keyPath.at(-1) ?? '']: value } : value };
  }

  #subscribe(request: Record<string, unknown>, stream: IpcStream): object {
    const { component, keyPath } = addressed(request, stream.component);
    if (valueAt(this.#configs.of(component), keyPath) === undefined) {
      throw new IpcError('ResourceNotFoundError', 'Key not found');
    }
    const stop = this.#configs.subscribe(component, keyPath, (changed) =>
      stream.send('ConfigurationUpdateEvents', {
        configurationUpdateEvent: { componentName: component, keyPath: changed },
      }),
    );
    stream.onEnd(stop);
    return {};
  }

  #report(request: Record<string, unknown>, component: string): object {
    const answer = this.#awaited.get(component);
    if (!answer) {
      throw new IpcError('InvalidArgumentsError', 'Validation request either timed out or was never made');
    }
    this.#awaited.delete(component);
    const report = request.configurationValidityReport;
    const message = valueAt(report, ['message']);
    answer({
      status: valueAt(report, ['status']) === 'ACCEPTED' ? 'ACCEPTED' : 'REJECTED',
      message: typeof message === 'string' ? message : '',
    });
    return {};
  }
}

function addressed(
  request: Record<string, unknown>,
  caller: string,
): { component: string; keyPath: string[] } {
  const { componentName, keyPath } = request;
  return {
    component: typeof componentName === 'string' ? componentName : caller,
    keyPath: Array.isArray(keyPath) ? keyPath.filter((key) => typeof key === 'string') : [],
  };
}
