import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';

export type ReportedState = 'RUNNING' | 'ERRORED';

/**
 * What the nucleus is told of our health. RUNNING gates a deployment where the recipe has `startup`. ERRORED makes
 * the classic nucleus stop and start us, three times an hour at most, so it is for what a restart might cure; lite
 * takes it and does nothing.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-component-lifecycle.html#ipc-operation-updatestate
 */
export class ComponentState {
  readonly #ipc: IpcClient;
  readonly #log: Log;
  #state: ReportedState | undefined;

  constructor(ipc: IpcClient, log: Log) {
    this.#ipc = ipc;
    this.#log = log;
  }

  /** From now on each new connection is told the state too. */
  start(): void {
    this.#ipc.attach((connection) => this.#tell(connection));
  }

  /** Now or when connected again. Resolves when the nucleus was told, or could not be. */
  async report(state: ReportedState, reason?: string): Promise<void> {
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'ERRORED') this.#log.error({ reason }, 'the component reports itself as broken');
    const connection = this.#ipc.connection;
    if (!connection) return;
    await this.#tell(connection).catch((error: unknown) => {
      this.#log.warn({ state, error: errorText(error) }, 'the nucleus could not be told of our state');
    });
  }

  async #tell(connection: IpcConnection): Promise<void> {
    const state = this.#state;
    if (state !== undefined) await connection.call('UpdateState', { state });
  }
}
