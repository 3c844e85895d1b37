import { isObject, type JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';

export interface UpdateDeferralOptions {
  ipc: IpcClient;
  clock: Clock;
  log: Log;
  /** Somebody watches or a recording runs: not now. */
  isBusy: () => boolean;
  /** How long one deployment can be put off; 0: never. Default 10 minutes. */
  maxDeferralMs?: number;
  /** When the nucleus is to ask again; it cannot be told sooner that nobody watches any more. Default 15 s. */
  recheckAfterMs?: number;
}

const MAX_DEFERRAL_MS = 600_000;
const RECHECK_MS = 15_000;

/**
 * Puts off deployments while somebody watches, within bounds: the nucleus has none of its own. Classic only. It asks
 * every subscriber whatever component is to be updated, and waits for each one's answer (60 s): so we always answer.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-component-lifecycle.html
 */
export class UpdateDeferral {
  readonly #options: UpdateDeferralOptions;
  #deferred: { deploymentId: string; sinceMs: number } | undefined;

  constructor(options: UpdateDeferralOptions) {
    this.#options = options;
  }

  /** Whether a deployment waits for us. */
  get isDeferring(): boolean {
    return this.#deferred !== undefined;
  }

  start(): void {
    const { ipc, log } = this.#options;
    ipc.attach(async (connection) => {
      await connection.subscribe('SubscribeToComponentUpdates', {}, (event) => {
        this.#asked(connection, event).catch((error: unknown) => {
          log.warn({ error: errorText(error) }, 'the nucleus could not be answered about an update');
        });
      });
    });
  }

  async #asked(connection: IpcConnection, { preUpdateEvent, postUpdateEvent }: JsonObject): Promise<void> {
    if (postUpdateEvent) this.#deferred = undefined;
    const deploymentId = isObject(preUpdateEvent) ? preUpdateEvent.deploymentId : undefined;
    if (typeof deploymentId !== 'string') return;
    const recheckAfterMs = this.#deferral(deploymentId);
    const message = recheckAfterMs > 0 ? 'somebody is watching a camera' : '';
    const request = { deploymentId, recheckAfterMs, message };
    await connection.call('DeferComponentUpdate', request);
  }

  /** Milliseconds until the nucleus shall ask again; 0: go ahead. */
  #deferral(deploymentId: string): number {
    const {
      clock,
      log,
      isBusy,
      maxDeferralMs = MAX_DEFERRAL_MS,
      recheckAfterMs = RECHECK_MS,
    } = this.#options;
    const now = clock.monotonic();
    if (this.#deferred?.deploymentId !== deploymentId) this.#deferred = undefined;
    const leftMs = (this.#deferred?.sinceMs ?? now) + maxDeferralMs - now;
    if (!isBusy() || leftMs <= 0) {
      if (this.#deferred) log.info({ deploymentId, isBusy: isBusy() }, 'deferred update goes ahead');
      this.#deferred = undefined;
      return 0;
    }
    if (!this.#deferred) {
      this.#deferred = { deploymentId, sinceMs: now };
      log.info({ deploymentId, maxDeferralMs }, 'update deferred: somebody is watching');
    }
    return Math.ceil(Math.min(recheckAfterMs, leftMs));
  }
}
