import { MeshError } from "../errors.ts";

/** Unanswered tasks of one driver, of all functions together: what its mesh may have to keep for it. */
export const PENDING_MAX = 2_000_000;

/**
 * Tasks that were submitted and not answered, and how many there may be. One of a function counts in
 * that of its driver too.
 */
export class Backlog {
  readonly #max: number;
  readonly #parent: Backlog | undefined;
  #pending = 0;
  #waiting: (() => void)[] = [];

  constructor(max: number, parent?: Backlog) {
    this.#max = max;
    this.#parent = parent;
  }

  get isFull(): boolean {
    return this.#pending >= this.#max || this.#parent?.isFull === true;
  }

  submitted(): void {
    this.#pending += 1;
    if (this.#parent) this.#parent.submitted();
  }

  answered(): void {
    this.#pending -= 1;
    if (this.#parent) this.#parent.answered();
    else if (this.#waiting.length > 0) this.wake();
  }

  /** Of a driver: something may have changed for those who wait for room. */
  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves when one more may be submitted, or at the next {@link wake} after the end. */
  async whenRoom(isOver: () => boolean): Promise<void> {
    const driver = this.#parent ?? this;
    while (this.isFull && !isOver()) {
      await new Promise<void>((resolve) => driver.#waiting.push(resolve));
    }
  }

  /** Why one more cannot be submitted now. */
  refusal(what: string): MeshError {
    if (this.#pending < this.#max && this.#parent) return this.#parent.refusal(what);
    const limit = this.#parent
      ? `as many as its maxPending of ${this.#max} allows`
      : `as many as a driver may have (${this.#max})`;
    return new MeshError(
      "QUOTA_EXCEEDED",
      `${what} was not submitted: ${this.#pending} tasks were not answered yet, ${limit}; await some of them first, or ready() of the function`,
      { pending: this.#pending },
    );
  }
}
