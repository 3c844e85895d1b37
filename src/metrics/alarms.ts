import type { Clock } from '../runtime/clock.ts';
import type { AlarmEvent } from './events.ts';

/** Something that a person should know of, as long as it lasts. */
export interface Fault {
  /** e.g. `camera-failed`. */
  alarm: string;
  camera?: string;
  reason: string;
}

/** Faults that are seen again and again, told once when they begin and once when they end. */
export class Alarms {
  readonly #onEvent: (event: AlarmEvent) => void;
  readonly #clock: Clock;
  #raised = new Map<string, Fault>();

  constructor(onEvent: (event: AlarmEvent) => void, clock: Clock) {
    this.#onEvent = onEvent;
    this.#clock = clock;
  }

  get count(): number {
    return this.#raised.size;
  }

  /** `faults` is all that is wrong now. */
  update(faults: readonly Fault[]): void {
    const now = new Map(faults.map((fault) => [`${fault.alarm} ${fault.camera ?? ''}`, fault]));
    for (const [key, fault] of this.#raised) if (!now.has(key)) this.#tell('cleared', fault);
    for (const [key, fault] of now) if (!this.#raised.has(key)) this.#tell('raised', fault);
    this.#raised = now;
  }

  #tell(state: AlarmEvent['state'], { alarm, camera, reason }: Fault): void {
    const at = new Date(this.#clock.now()).toISOString();
    this.#onEvent({
      alarm,
      state,
      ...(camera !== undefined && { camera }),
      reason: reason.slice(0, 400),
      at,
    });
  }
}
