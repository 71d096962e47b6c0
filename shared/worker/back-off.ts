import type { Clock } from "../clock.ts";

const WAIT_MS_MIN = 200;
const WAIT_MS_MAX = 10_000;

/**
 * Waits between attempts to reach a coordinator: each longer than the one before, and somewhat
 * random, so that workers do not all come back in the same moment.
 */
export class BackOff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #attempts = 0;
  #endWait: (() => void) | undefined;
  #isStopped = false;

  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How long the next wait is: half of it is certain. */
  nextMs(): number {
    const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** this.#attempts++);
    return waitMs / 2 + (this.#random() * waitMs) / 2;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isStopped) return resolve();
      const cancel = this.#clock.after(this.nextMs(), resolve);
      this.#endWait = () => {
        cancel();
        resolve();
      };
    });
  }

  /** An attempt succeeded: the next wait is short again. */
  reset(): void {
    this.#attempts = 0;
  }

  /** End the wait, and wait no more. */
  stop(): void {
    this.#isStopped = true;
    this.#endWait?.();
  }
}
