import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import type { Clock } from './clock.ts';

/** How long an answer serves. */
const KEPT_MS = 60_000;

const askSystem = (host: string): Promise<LookupAddress[]> => lookup(host, { all: true });

/**
 * The addresses of hosts, as the system finds them. It cannot be told to give up, and libuv lets it look for two names at a time: while the
 * name service is dead, a question of each viewer for each server would hold up all that ask later for minutes. So there is one question a
 * name, whose answer serves all for a minute, on the network that it was asked on.
 */
export class HostNames {
  readonly #clock: Clock;
  readonly #networkReturn: () => AbortSignal | undefined;
  readonly #ask: typeof askSystem;
  /** Under way or of late. */
  readonly #answers = new Map<string, Promise<LookupAddress[]>>();
  #network: AbortSignal | undefined;

  /** @param networkReturn As of `NetworkReturn.next`; what runs for a moment needs none. */
  constructor(clock: Clock, networkReturn: () => AbortSignal | undefined = () => undefined, ask = askSystem) {
    this.#clock = clock;
    this.#networkReturn = networkReturn;
    this.#ask = ask;
  }

  /** At least one; rejects where there is none. */
  addresses(host: string): Promise<readonly LookupAddress[]> {
    const network = this.#networkReturn();
    if (network !== this.#network) this.#answers.clear();
    this.#network = network;
    const known = this.#answers.get(host);
    if (known) return known;
    const answer = this.#ask(host);
    const forget = (): void => {
      if (this.#answers.get(host) === answer) this.#answers.delete(host);
    };
    this.#answers.set(host, answer);
    answer.then(() => this.#clock.after(KEPT_MS, forget), forget);
    return answer;
  }

  /** For sockets and HTTP agents. */
  readonly lookup: LookupFunction = (host, options, callback) => void this.#answer(host, options, callback);

  async #answer(
    host: string,
    { family = 0, all = false }: LookupOptions,
    callback: Parameters<LookupFunction>[2],
  ): Promise<void> {
    const wanted = Number(String(family).replace('IPv', ''));
    let found: readonly LookupAddress[];
    try {
      found = await this.addresses(host);
    } catch (error) {
      return callback(error instanceof Error ? error : new Error(String(error)), '');
    }
    const fitting = found.filter((each) => wanted === 0 || each.family === wanted);
    const [first] = fitting;
    if (!first) callback(new Error(`${host} has no IPv${wanted} address`), '');
    else if (all) callback(null, fitting);
    else callback(null, first.address, first.family);
  }
}
