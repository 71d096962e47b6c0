import type { Clock } from "../clock.ts";
import type { Link } from "./link.ts";

/** One attempt to reach a peer, shared by all who want the link. */
export class Attempt {
  readonly link: Promise<Link>;
  #isSettled = false;
  #resolve!: (link: Link) => void;
  #reject!: (error: Error) => void;
  #cancelPause: (() => void) | undefined;

  constructor() {
    this.link = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether it was decided meanwhile: the peer dialled this one, or has left. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  succeed(link: Link): void {
    this.#settle();
    this.#resolve(link);
  }

  fail(error: unknown): void {
    this.#settle();
    this.#reject(error as Error);
  }

  /** Resolves after `delayMs`, or as soon as the attempt is settled. */
  pause(clock: Clock, delayMs: number): Promise<void> {
    if (delayMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }

  #settle(): void {
    this.#isSettled = true;
    this.#cancelPause?.();
  }
}
