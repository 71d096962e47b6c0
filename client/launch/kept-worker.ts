import { systemClock } from "../../shared/clock.ts";
import type { Program } from "./program.ts";
import { RestartDelay } from "./restart-delay.ts";

/** A worker that was drained, or told to leave, is not wanted any more. */
const DRAINED = "status 0";

export interface KeptWorkerOptions {
  readonly name: string;
  /** Start its program: at first, and each time it has ended. */
  start(): Program;
  /** Hears a sentence each time it has ended. */
  say(sentence: string): void;
}

/** A worker that is started again when its program ends, until it is stopped. */
export class KeptWorker {
  /** Of the first start: one that fails is not tried again, later ones are. */
  readonly ready: Promise<void>;
  readonly #options: KeptWorkerOptions;
  readonly #delay = new RestartDelay();
  #program: Program;
  #cancelRestart = (): void => {};
  #isStopped = false;
  #isUnref = false;

  constructor(options: KeptWorkerOptions) {
    this.#options = options;
    this.#program = options.start();
    const startedMs = systemClock.nowMs();
    this.ready = this.#program.ready.then(() => this.#watch(startedMs));
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  unref(): void {
    this.#isUnref = true;
    this.#program.unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelRestart();
    await this.#program.stop();
  }

  #watch(startedMs: number): void {
    void this.#program.ended.then((how) => {
      if (this.#isStopped) return;
      const { name, say } = this.#options;
      if (how === DRAINED) return say(`worker ${name} left in order; it is not started again`);
      const waitMs = this.#delay.after(systemClock.nowMs() - startedMs);
      const seconds = waitMs / 1_000;
      say(`worker ${name} (process ${this.pid}) ended with ${how}; starting it in ${seconds} s`);
      this.#cancelRestart = systemClock.after(waitMs, () => this.#restart());
    });
  }

  #restart(): void {
    const program = this.#options.start();
    this.#program = program;
    if (this.#isUnref) program.unref();
    // One that hangs is over, too; what it said has been passed on.
    program.ready.catch(() => program.stop());
    this.#watch(systemClock.nowMs());
  }
}
