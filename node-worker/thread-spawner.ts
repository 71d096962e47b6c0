import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/umd/node-adapter.js";
import { MeshError } from "../shared/errors.ts";
import type {
  BackendReport,
  ExecutorHandle,
  ExecutorListener,
  ExecutorSettings,
  ExecutorSpawner,
} from "../shared/worker/executor-api.ts";
import { ExecutorHost } from "../shared/worker/executor-host.ts";

export interface ThreadSpawnerOptions {
  readonly settings: ExecutorSettings;
  /** Threads kept ready for the next `spawn`, which is then instant; starting one takes 50 ms. */
  readonly spares?: number;
  /** V8 heap of one executor. Typed arrays and tensors are outside of it. */
  readonly heapMbMax?: number;
}

/** Tests run from the sources, where a thread needs the loader that its parent has. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const THREAD_URL = new URL(`./executor-thread${EXTENSION}`, import.meta.url);
const EXEC_ARGV = EXTENSION === ".ts" ? ["--import", "tsx"] : [];

/** A started thread, and the port to it: what it says waits there until somebody listens. */
interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
}

/** Executors as worker threads of this process. */
export class ThreadSpawner implements ExecutorSpawner {
  readonly #options: ThreadSpawnerOptions;
  readonly #executors = new Set<ExecutorHost>();
  #settings: ExecutorSettings;
  #spares: Thread[] = [];
  #isClosed = false;

  constructor(options: ThreadSpawnerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#refill();
  }

  spawn(listener: ExecutorListener): ExecutorHandle {
    if (this.#isClosed) throw new MeshError("INVALID_ARGUMENT", "this spawner was closed");
    const { worker, port } = this.#spares.shift() ?? this.#start();
    // A spare that dies while nobody uses it must not end the process; from here on it counts.
    worker.removeAllListeners("error");
    worker.ref();
    const host = new ExecutorHost({
      port: nodeEndpoint(port as never),
      settings: this.#settings,
      listener: this.#listening(listener, () => this.#executors.delete(host)),
      terminate() {
        port.close();
        void worker.terminate();
      },
    });
    this.#executors.add(host);
    worker.on("error", (error) => host.end(`it crashed: ${crashOf(error)}`));
    worker.on("exit", (code) => host.end(`its thread exited with code ${code}`));
    setImmediate(() => this.#refill());
    return host;
  }

  /** Stop every executor and the spare threads. */
  close(): void {
    this.#isClosed = true;
    for (const host of this.#executors) host.end("its worker was closed");
    for (const { worker } of this.#spares) void worker.terminate();
    this.#spares = [];
  }

  #listening(listener: ExecutorListener, onGone: () => void): ExecutorListener {
    return {
      onReady: () => listener.onReady(),
      onOutcomes: (outcomes) => listener.onOutcomes(outcomes),
      onHold: (objects) => listener.onHold(objects),
      onRelease: (objects) => listener.onRelease(objects),
      fetch: (object) => listener.fetch(object),
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

  #refill(): void {
    const { spares = 1 } = this.#options;
    while (!this.#isClosed && this.#spares.length < spares) {
      const thread = this.#start();
      thread.worker.unref();
      thread.worker.on("error", () => {
        this.#spares = this.#spares.filter((spare) => spare !== thread);
      });
      this.#spares.push(thread);
    }
  }

  #start(): Thread {
    const { heapMbMax = 4_096 } = this.#options;
    const { port1: port, port2: threadPort } = new MessageChannel();
    const worker = new Worker(THREAD_URL, {
      execArgv: EXEC_ARGV,
      name: "manta-executor",
      workerData: threadPort,
      transferList: [threadPort],
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    });
    return { worker, port };
  }
}

function crashOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ERR_WORKER_OUT_OF_MEMORY" ? "it ran out of memory" : String(error);
}
