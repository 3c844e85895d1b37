import { isDeepStrictEqual } from 'node:util';
import { buildConfig } from '../config/build.ts';
import type { AgentConfig } from '../config/config.ts';
import { applyDesired } from '../config/desired-state.ts';
import { faultText } from '../config/faults.ts';
import type { JsonObject, Layer } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { DesiredDocument } from './device-shadow.ts';
import type { LastGoodFile } from './last-good.ts';
import { reportedDocument } from './reported-document.ts';

export interface DesiredConfigOptions {
  /** The layers below the shadow. */
  local: readonly Layer[];
  /**
   * Makes `config` the agent's own, from whatever the last call left, whole or not. Never called while another call
   * runs; `signal` aborts when a newer one waits. What it rejects with is reported, and the former one applied again.
   */
  apply: (config: AgentConfig, signal: AbortSignal) => Promise<void>;
  /** Takes the whole `reported` section. */
  report: (reported: JsonObject) => void;
  /** Only short answers of the shadow come through: see `reportedDocument`. */
  isShort?: boolean;
  /** Absent: nothing is kept. */
  lastGood?: LastGoodFile;
  log: Log;
}

interface Candidate extends DesiredDocument {
  config: AgentConfig;
}

interface Refusal {
  version: number;
  faults: string[];
}

const NOTHING_DESIRED: DesiredDocument = { version: 0, desired: {} };
const MAX_LOGGED_FAULTS = 10;

/**
 * Follows the shadow's desired: a document is applied whole or refused whole, one at a time, the newest wins. What is
 * reported is the applied desired as it came (so that the shadow's delta is empty), and beside it
 * `agent: {appliedVersion, refusedVersion?, faults?}`.
 */
export class DesiredConfig {
  readonly #options: DesiredConfigOptions;
  #local: readonly Layer[];
  /** As last heard of from the cloud. */
  #offered: DesiredDocument | undefined;
  #applied: Candidate | undefined;
  /** Whether the agent is as `#applied` says: not while another is being applied, nor after that was cancelled. */
  #intact = true;
  #applying: { candidate: Candidate; abort: AbortController } | undefined;
  #next: Candidate | undefined;
  #work: Promise<void> | undefined;
  #refusal: Refusal | undefined;
  /** Whether what is applied is on disk. */
  #isKept = true;
  #shadowFault: string | undefined;
  #localFaults: readonly string[] = [];
  #closed = false;

  constructor(options: DesiredConfigOptions) {
    this.#options = options;
    this.#local = options.local;
  }

  /**
   * The configuration to begin with: the last good one, with no cloud asked. It counts as applied. Throws a
   * `ConfigError` where the local layers are wrong by themselves.
   */
  async start(): Promise<AgentConfig> {
    const kept = (await this.#options.lastGood?.load()) ?? NOTHING_DESIRED;
    this.#applied = this.#rebase(kept);
    if (!isDeepStrictEqual(this.#applied.desired, kept.desired)) {
      this.#options.log.warn({ version: kept.version }, 'the last good configuration does not fit any more');
    }
    return this.#applied.config;
  }

  /** A document from the shadow. Returns at once; nothing happens where it says what the last one said. */
  offer(document: DesiredDocument): void {
    if (isDeepStrictEqual(document.desired, this.#offered?.desired)) return this.#keepAgain();
    this.#offered = document;
    this.#evaluate(document);
  }

  /**
   * Other layers below the shadow, e.g. after the local file has changed. Throws a `ConfigError` where they are
   * wrong by themselves; then nothing changes.
   */
  replaceLocal(local: readonly Layer[]): void {
    buildConfig(local);
    this.#local = local;
    this.#evaluate(this.#offered ?? this.#current);
  }

  /** What is wrong with the shadow as such, e.g. that it does not answer. */
  setShadowFault(fault: string | undefined): void {
    this.#shadowFault = fault;
    this.#report();
  }

  /** What is wrong with the layers below the shadow, where a former one of them is in force. */
  setLocalFaults(faults: readonly string[]): void {
    this.#localFaults = faults;
    this.#report();
  }

  /** Resolves when nothing is being applied. */
  async settled(): Promise<void> {
    while (this.#work) await this.#work;
  }

  /** Cancels what is being applied; settles when it has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#applying?.abort.abort();
    await this.settled();
  }

  /** What is applied or about to be. */
  get #current(): Candidate {
    const current = this.#next ?? this.#applying?.candidate ?? this.#applied;
    if (!current) throw new Error('DesiredConfig was not started');
    return current;
  }

  #evaluate(document: DesiredDocument): void {
    const { version, desired } = document;
    const outcome = applyDesired(this.#local, desired);
    if (outcome.accepted) {
      this.#refusal = undefined;
      this.#pursue({ version, desired, config: outcome.config });
    } else {
      this.#refusal = { version, faults: outcome.faults.map(faultText) };
      this.#options.log.warn(
        { version, faults: this.#refusal.faults.slice(0, MAX_LOGGED_FAULTS) },
        'desired configuration refused',
      );
      // What was good goes on, on the local layers as they are now.
      this.#pursue(this.#rebase(this.#current));
    }
    this.#report();
  }

  /** The document on the present local layers; where it does not fit, those alone. */
  #rebase({ version, desired }: DesiredDocument): Candidate {
    const outcome = applyDesired(this.#local, desired);
    if (outcome.accepted) return { version, desired, config: outcome.config };
    return { version, desired: {}, config: buildConfig(this.#local) };
  }

  /** Has `candidate` applied next, and cancels what is being applied unless it is the same. */
  #pursue(candidate: Candidate): void {
    const { desired, config } = this.#current;
    if (this.#closed) return;
    if (isDeepStrictEqual(desired, candidate.desired) && isDeepStrictEqual(config, candidate.config)) return;
    this.#next = candidate;
    this.#applying?.abort.abort();
    this.#work ??= this.#applyAll();
  }

  async #applyAll(): Promise<void> {
    for (let next = this.#next; next && !this.#closed; next = this.#next) {
      this.#next = undefined;
      await this.#apply(next);
      this.#report();
    }
    this.#work = undefined;
  }

  async #apply(candidate: Candidate): Promise<void> {
    const { version, config } = candidate;
    const { apply, log } = this.#options;
    const abort = new AbortController();
    this.#applying = { candidate, abort };
    try {
      if (!this.#intact || !isDeepStrictEqual(config, this.#applied?.config)) {
        this.#intact = false;
        await apply(config, abort.signal);
        if (abort.signal.aborted) return;
        this.#intact = true;
        log.info({ version }, 'desired configuration applied');
      }
      this.#applied = candidate;
      await this.#keep(candidate);
    } catch (error) {
      if (abort.signal.aborted) return;
      log.error({ version, error: errorText(error) }, 'desired configuration could not be applied');
      this.#refusal = { version, faults: [`could not be applied: ${errorText(error)}`] };
      await this.#restore(abort.signal);
    } finally {
      this.#applying = undefined;
    }
  }

  async #restore(signal: AbortSignal): Promise<void> {
    if (!this.#applied) return;
    try {
      await this.#options.apply(this.#applied.config, signal);
      this.#intact = !signal.aborted;
    } catch (error) {
      this.#options.log.error({ error: errorText(error) }, 'the former configuration could not be restored');
    }
  }

  async #keep({ version, desired }: Candidate): Promise<void> {
    try {
      await this.#options.lastGood?.store({ version, desired });
      this.#isKept = true;
    } catch (error) {
      this.#isKept = false;
      this.#options.log.warn({ error: errorText(error) }, 'the last good configuration could not be kept');
    }
  }

  /** There may be room on the disk by now. */
  #keepAgain(): void {
    if (this.#isKept || this.#work || this.#closed || !this.#applied) return;
    this.#next = this.#applied;
    this.#work = this.#applyAll();
  }

  #report(): void {
    if (!this.#applied) return;
    const { report, isShort = false } = this.#options;
    const { version, desired } = this.#applied;
    const wanted = this.#offered?.desired ?? desired;
    const ofShadow = this.#shadowFault === undefined ? [] : [this.#shadowFault];
    // No answer at all: what is reported may be what makes it too long.
    if (isShort && ofShadow.length > 0)
      return report(reportedDocument({ version, desired: {}, faults: ofShadow }, wanted));
    const faults = [...ofShadow, ...this.#localFaults, ...(this.#refusal?.faults ?? [])];
    const refused = this.#refusal && { refusedVersion: this.#refusal.version };
    report(reportedDocument({ version, desired, faults, ...refused }, wanted, isShort));
  }
}
