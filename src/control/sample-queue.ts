/** One millisecond. */
export const SAMPLES_PER_MS = 48;
/** Gathered before it is played, so that what comes unevenly is heard evenly … */
const PREBUFFER = 60 * SAMPLES_PER_MS;
/** … and what is beyond this is left out: the delay stays bounded. */
const MAX = 160 * SAMPLES_PER_MS;

/** Decoded samples of one speaker that wait to be played. */
export class SampleQueue {
  #parts: Int16Array[] = [];
  #length = 0;
  #isPlaying = false;

  push(samples: Int16Array): void {
    this.#parts.push(samples);
    this.#length += samples.length;
    while (this.#length > MAX) this.#length -= this.#parts.shift()!.length;
    if (this.#length >= PREBUFFER) this.#isPlaying = true;
  }

  /** Adds the next samples to a mix; what is missing is silence. */
  addTo(mix: Int32Array): void {
    if (!this.#isPlaying) return;
    let at = 0;
    while (at < mix.length) {
      const part = this.#parts[0];
      if (!part) {
        this.#isPlaying = false;
        return;
      }
      const count = Math.min(part.length, mix.length - at);
      for (let i = 0; i < count; i += 1) mix[at + i]! += part[i]!;
      at += count;
      this.#length -= count;
      if (count === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(count);
    }
  }
}
