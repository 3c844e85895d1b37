/** Packets sent within this time are one group (draft-ietf-rmcat-gcc-02 section 5.2, "pre-filtering"). */
const GROUP_MS = 5;
/** Packets that a link held back and let go at once are one group too, up to this long. */
const MAX_BURST_MS = 100;
/** After this many groups in reverse order of arrival, what was known is of no use. */
const MAX_REORDERED = 3;
/** A step in the receiver's clock, not a delay. */
const MAX_STEP_MS = 3000;

/** Time from one group to the next, at the sender and at the receiver. */
export interface GroupDelta {
  sentMs: number;
  arrivedMs: number;
}

/**
 * Sorts packets into groups and compares each group with the one before (inter-arrival of libwebrtc). One object is
 * handed out again and again.
 */
export class PacketGroups {
  readonly #delta: GroupDelta = { sentMs: 0, arrivedMs: 0 };
  #hasCurrent = false;
  #firstSentMs = 0;
  #lastSentMs = 0;
  #firstArrivedMs = 0;
  #lastArrivedMs = 0;
  #hasPrevious = false;
  #previousSentMs = 0;
  #previousArrivedMs = 0;
  #reordered = 0;

  reset(): void {
    this.#hasCurrent = false;
    this.#hasPrevious = false;
    this.#reordered = 0;
  }

  /** Takes packets in order of arrival; returns the delta of the group that this one completes. */
  add(sentMs: number, arrivedMs: number): Readonly<GroupDelta> | undefined {
    if (!this.#hasCurrent) {
      this.#begin(sentMs, arrivedMs);
      return undefined;
    }
    if (sentMs < this.#firstSentMs) return undefined;
    if (!this.#isNewGroup(sentMs, arrivedMs)) {
      this.#lastSentMs = Math.max(this.#lastSentMs, sentMs);
      this.#lastArrivedMs = arrivedMs;
      return undefined;
    }
    const delta = this.#complete();
    if (this.#hasCurrent) {
      this.#hasPrevious = true;
      this.#previousSentMs = this.#lastSentMs;
      this.#previousArrivedMs = this.#lastArrivedMs;
    }
    this.#begin(sentMs, arrivedMs);
    return delta;
  }

  #begin(sentMs: number, arrivedMs: number): void {
    this.#hasCurrent = true;
    this.#firstSentMs = sentMs;
    this.#lastSentMs = sentMs;
    this.#firstArrivedMs = arrivedMs;
    this.#lastArrivedMs = arrivedMs;
  }

  #complete(): GroupDelta | undefined {
    if (!this.#hasPrevious) return undefined;
    const delta = this.#delta;
    delta.sentMs = this.#lastSentMs - this.#previousSentMs;
    delta.arrivedMs = this.#lastArrivedMs - this.#previousArrivedMs;
    if (delta.arrivedMs - delta.sentMs > MAX_STEP_MS) {
      this.reset();
      return undefined;
    }
    if (delta.arrivedMs >= 0) {
      this.#reordered = 0;
      return delta;
    }
    this.#reordered += 1;
    if (this.#reordered >= MAX_REORDERED) this.reset();
    return undefined;
  }

  #isNewGroup(sentMs: number, arrivedMs: number): boolean {
    const sinceArrivalMs = arrivedMs - this.#lastArrivedMs;
    const sinceSentMs = sentMs - this.#lastSentMs;
    if (sinceSentMs === 0) return false;
    const isBurst =
      sinceArrivalMs < sinceSentMs &&
      sinceArrivalMs <= GROUP_MS &&
      arrivedMs - this.#firstArrivedMs < MAX_BURST_MS;
    return !isBurst && sentMs - this.#firstSentMs > GROUP_MS;
  }
}
