import type { Clock } from "../clock.ts";

export interface DrainWatchOptions {
  readonly clock: Clock;
  /** Whether a task runs here, or waits to. */
  hasTasks(): boolean;
  /** Called once, then; never if the worker is not drained. */
  drained(): unknown;
}

/** Tells when a worker that is to leave has done what it has, or may wait no longer. */
export class DrainWatch {
  readonly #options: DrainWatchOptions;
  #untilMs = Number.POSITIVE_INFINITY;
  #cancelDeadline = (): void => {};
  #isOver = false;

  constructor(options: DrainWatchOptions) {
    this.#options = options;
  }

  /** Asked again, the earlier deadline counts. */
  ask(deadlineMs: number): void {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + deadlineMs;
    if (this.#isOver || untilMs >= this.#untilMs) return;
    this.#untilMs = untilMs;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(deadlineMs, () => this.#drained());
    this.taskEnded();
  }

  taskEnded(): void {
    if (this.#untilMs === Number.POSITIVE_INFINITY || this.#isOver) return;
    if (!this.#options.hasTasks()) this.#drained();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancelDeadline();
  }

  #drained(): void {
    this.stop();
    this.#options.drained();
  }
}
