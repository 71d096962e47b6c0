import { MeshError } from "../../errors.ts";

/**
 * What may wait in memory for a message of another lane. More is left to the lanes' own windows, so
 * that a lane that hangs stops the sender.
 */
const WAITING_BYTES_MAX = 16 * 2 ** 20;

/** Memory of a waiting message besides its bytes: without it empty ones could be without end. */
const OVERHEAD_BYTES = 256;

interface Waiting {
  /** With {@link OVERHEAD_BYTES}. */
  readonly sizeBytes: number;
  deliver(): void;
  /** Lets its lane go on, if it had to stop. */
  readonly resume: (() => void) | undefined;
}

/**
 * Puts messages that came by several lanes into the order that they were sent in. Each lane keeps
 * the order of its own, so the next one is always the first of its lane, and can always be taken.
 */
export class ArrivalOrder {
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #waitingBytes = 0;

  get delivered(): number {
    return this.#next;
  }

  /**
   * @returns nothing, or a promise until which the lane should deliver no more.
   * @throws MeshError `PROTOCOL_VIOLATION`
   */
  take(number: number, payloadBytes: number, deliver: () => void): Promise<void> | undefined {
    if (number < this.#next || this.#waiting.has(number)) {
      throw new MeshError("PROTOCOL_VIOLATION", `chunk ${number} of the link came twice`);
    }
    if (number === this.#next) {
      this.#next++;
      deliver();
      this.#deliverWaiting();
      return undefined;
    }
    const sizeBytes = payloadBytes + OVERHEAD_BYTES;
    this.#waitingBytes += sizeBytes;
    let resume: (() => void) | undefined;
    const stop =
      this.#waitingBytes > WAITING_BYTES_MAX
        ? new Promise<void>((resolve) => (resume = resolve))
        : undefined;
    this.#waiting.set(number, { sizeBytes, deliver, resume });
    return stop;
  }

  #deliverWaiting(): void {
    for (;;) {
      const waiting = this.#waiting.get(this.#next);
      if (!waiting) return;
      this.#waiting.delete(this.#next);
      this.#waitingBytes -= waiting.sizeBytes;
      this.#next++;
      waiting.deliver();
      waiting.resume?.();
    }
  }
}
