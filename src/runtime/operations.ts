/**
 * Operations of a connection that may go away. What is under way then rejects, whether or not it would ever have
 * settled: a closed client forgets its own.
 */
export class Operations {
  readonly #pending = new Set<(reason: Error) => void>();
  #ended: Error | undefined;

  /** Settles as `work` does, or rejects when abandoned. */
  track<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const abandon = (reason: Error) => reject(reason);
      if (this.#ended) abandon(this.#ended);
      else this.#pending.add(abandon);
      // Heard even when it is too late: a rejection that nobody hears ends the process.
      work.then(resolve, reject).finally(() => this.#pending.delete(abandon));
    });
  }

  /** Rejects all there are and all to come. */
  abandon(reason: Error): void {
    this.#ended ??= reason;
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}
