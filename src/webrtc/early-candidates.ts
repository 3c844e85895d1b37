import type { Clock } from '../runtime/clock.ts';

const MAX_CLIENTS = 64;
const MAX_CANDIDATES = 32;
const LIFETIME_MS = 60_000;

/**
 * Candidates that overtook their offer: KVS signaling does not keep the order between messages. Bounded in clients, candidates and
 * time, so that a flood cannot grow it.
 */
export class EarlyCandidates {
  readonly #clock: Clock;
  readonly #byClient = new Map<string, { since: number; candidates: string[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when the candidate was dropped for want of room. */
  keep(clientId: string, candidate: string): boolean {
    this.#expire();
    let entry = this.#byClient.get(clientId);
    if (!entry) {
      if (this.#byClient.size === MAX_CLIENTS) return false;
      entry = { since: this.#clock.monotonic(), candidates: [] };
      this.#byClient.set(clientId, entry);
    }
    if (entry.candidates.length === MAX_CANDIDATES) return false;
    entry.candidates.push(candidate);
    return true;
  }

  /** Hands over and forgets what came for this client. */
  take(clientId: string): string[] {
    this.#expire();
    const candidates = this.#byClient.get(clientId)?.candidates ?? [];
    this.#byClient.delete(clientId);
    return candidates;
  }

  #expire(): void {
    const oldest = this.#clock.monotonic() - LIFETIME_MS;
    for (const [clientId, { since }] of this.#byClient) {
      if (since >= oldest) return;
      this.#byClient.delete(clientId);
    }
  }
}
