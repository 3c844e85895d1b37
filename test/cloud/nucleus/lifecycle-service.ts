import { IpcError, type IpcStream, type Operation } from './ipc-session.ts';

export type ReportedState = 'RUNNING' | 'ERRORED';

/** What a nucleus waits for the components' word on an update (a deployment's timeoutInSeconds). */
const DEFER_TIMEOUT_MS = 60_000;

export interface LifecycleOptions {
  isLite: boolean;
  onState: (component: string, state: ReportedState) => void;
  /** See `NucleusOptions`. */
  hurry: number;
}

/** UpdateState; on classic also the announcement of updates and their deferral. */
export class LifecycleService {
  readonly operations: Record<string, Operation>;
  /** How long each deferral asked for, milliseconds; 0: go ahead. */
  readonly deferrals: { component: string; deploymentId: string; recheckAfterMs: number; message: string }[] =
    [];
  readonly #subscribers = new Set<IpcStream>();
  readonly #awaited = new Map<string, (recheckAfterMs: number) => void>();

  readonly #hurry: number;

  constructor({ isLite, onState, hurry }: LifecycleOptions) {
    this.#hurry = hurry;
    this.operations = {
      UpdateState: ({ state }, { component }) => {
        if (state !== 'RUNNING' && state !== 'ERRORED') throw new IpcError('InvalidArgumentsError', 'State');
        onState(component, state);
        return {};
      },
    };
    if (isLite) return;
    this.operations.SubscribeToComponentUpdates = (_request, stream) => {
      this.#subscribers.add(stream);
      stream.onEnd(() => this.#subscribers.delete(stream));
      return {};
    };
    this.operations.DeferComponentUpdate = (request, { component }) => this.#defer(request, component);
  }

  hasSubscriber(component: string): boolean {
    return [...this.#subscribers].some((stream) => stream.component === component);
  }

  /** Asks every subscriber until none defers. Resolves when the update may begin. */
  async untilUpdateAllowed(deploymentId: string, isGgcRestarting: boolean): Promise<void> {
    for (;;) {
      const recheckAfterMs = await this.#ask({ deploymentId, isGgcRestarting });
      if (recheckAfterMs <= 0) return;
      await new Promise((resolve) => setTimeout(resolve, recheckAfterMs / this.#hurry));
    }
  }

  announceUpdated(deploymentId: string): void {
    for (const stream of this.#subscribers) {
      stream.send('ComponentUpdatePolicyEvents', { postUpdateEvent: { deploymentId } });
    }
  }

  /** The longest wait that a subscriber asks for. */
  async #ask(preUpdateEvent: { deploymentId: string; isGgcRestarting: boolean }): Promise<number> {
    const answers = [...this.#subscribers].map((stream) => {
      const answer = new Promise<number>((resolve) => {
        const timer = setTimeout(() => {
          this.#awaited.delete(stream.component);
          resolve(0);
        }, DEFER_TIMEOUT_MS).unref();
        const answered = (recheckAfterMs: number) => {
          clearTimeout(timer);
          resolve(recheckAfterMs);
        };
        this.#awaited.set(stream.component, answered);
        stream.onEnd(() => answered(0));
      });
      stream.send('ComponentUpdatePolicyEvents', { preUpdateEvent });
      return answer;
    });
    return Math.max(0, ...(await Promise.all(answers)));
  }

  #defer(request: Record<string, unknown>, component: string): object {
    if (!this.hasSubscriber(component)) {
      throw new IpcError('InvalidArgumentsError', 'Component is not subscribed to component update events');
    }
    const answer = this.#awaited.get(component);
    if (!answer) {
      throw new IpcError('ServiceError', 'Time limit to respond to PreComponentUpdateEvent exceeded');
    }
    this.#awaited.delete(component);
    const { deploymentId, recheckAfterMs, message } = request;
    const recheck = typeof recheckAfterMs === 'number' ? recheckAfterMs : 0;
    this.deferrals.push({
      component,
      deploymentId: String(deploymentId),
      recheckAfterMs: recheck,
      message: typeof message === 'string' ? message : '',
    });
    answer(recheck);
    return {};
  }
}
