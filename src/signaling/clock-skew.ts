import type { Clock } from '../runtime/clock.ts';

/** Smaller differences are latency and the whole seconds of the header, not a wrong clock. */
const NEGLIGIBLE_MS = 20_000;
/** The wall clock was set when it moved by more than this against the monotonic one. */
const JUMP_MS = 5_000;

/**
 * How far the device's clock is off, learnt from the Date headers of the service. Signatures made with `now()` are
 * accepted (tolerance ±5 minutes) although the device's clock is wrong. Shared by all channels of the agent.
 */
export class ClockSkew {
  readonly #clock: Clock;
  #offsetMs = 0;
  /** Wall minus monotonic time when the offset was learnt. */
  #originMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dateHeader`: the HTTP Date of an answer that has just arrived; anything else is ignored. */
  learn(dateHeader: string | undefined): void {
    const serverMs = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
    if (Number.isNaN(serverMs)) return;
    const offsetMs = serverMs - this.#clock.now();
    this.#offsetMs = Math.abs(offsetMs) < NEGLIGIBLE_MS ? 0 : offsetMs;
    this.#originMs = this.#origin();
  }

  /** Add this to the device's clock to get the service's; 0 when unknown or negligible. Milliseconds. */
  get offsetMs(): number {
    // Somebody (NTP, an operator) has set the clock since: what was learnt is void until the next answer.
    if (Math.abs(this.#origin() - this.#originMs) > JUMP_MS) this.#offsetMs = 0;
    return this.#offsetMs;
  }

  /** The service's time, as well as it is known. */
  now(): Date {
    return new Date(this.#clock.now() + this.offsetMs);
  }

  #origin(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }
}
