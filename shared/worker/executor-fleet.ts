import type { BackendReport, ExecutorListener, ExecutorSettings } from "./executor-api.ts";
import { ExecutorHost, type ExecutorHostOptions } from "./executor-host.ts";

/** The live executors of one worker, and what they are all told. */
export class ExecutorFleet {
  readonly #executors = new Set<ExecutorHost>();
  #settings: ExecutorSettings;

  constructor(settings: ExecutorSettings) {
    this.#settings = settings;
  }

  add(options: Omit<ExecutorHostOptions, "settings">): ExecutorHost {
    const listener = this.#listening(options.listener, () => this.#executors.delete(host));
    const host = new ExecutorHost({ ...options, listener, settings: this.#settings });
    this.#executors.add(host);
    return host;
  }

  endAll(reason: string): void {
    for (const host of this.#executors) host.end(reason);
  }

  #listening(listener: ExecutorListener, onGone: () => void): ExecutorListener {
    return {
      onReady: () => listener.onReady(),
      onOutcomes: (outcomes) => listener.onOutcomes(outcomes),
      onItem: (item) => listener.onItem?.(item),
      onHold: (objects) => listener.onHold(objects),
      onRelease: (objects) => listener.onRelease(objects),
      onExit: (actor) => listener.onExit?.(actor),
      fetch: (object) => listener.fetch(object),
      onNested: (message) => listener.onNested?.(message),
      onBackendChosen: (report) => {
        this.#learn(report);
        listener.onBackendChosen?.(report);
      },
      onEnded: (reason) => {
        onGone();
        listener.onEnded(reason);
      },
    };
  }

  /** One measurement serves every executor of this worker that loads tfjs later. */
  #learn(report: BackendReport): void {
    this.#settings = { ...this.#settings, backend: report.chosen };
    for (const host of this.#executors) host.configure(this.#settings);
  }
}
