import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/umd/node-adapter.js";
import { MeshError } from "../shared/errors.ts";
import { describe } from "../shared/protocol/wire-error.ts";
import type {
  ExecutorHandle,
  ExecutorListener,
  ExecutorSettings,
  ExecutorSpawner,
} from "../shared/worker/executor-api.ts";
import { ExecutorFleet } from "../shared/worker/executor-fleet.ts";

export interface ThreadSpawnerOptions {
  readonly settings: ExecutorSettings;
  /** Threads kept ready for the next `spawn`, which is then instant; starting one takes 50 ms. */
  readonly spares?: number;
  /** V8 heap of one executor. Typed arrays and tensors are outside of it. */
  readonly heapMbMax?: number;
}

/** The program of a thread, beside this file, with this file's extension. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const THREAD_URL = new URL(`./executor-thread${EXTENSION}`, import.meta.url);

/** Tests run from the sources: such a thread first loads what lets Node read TypeScript. */
const IS_SOURCE = EXTENSION === ".ts";
const FROM_SOURCES =
  'import("tsx/esm/api").then(({ register }) => { ' +
  `register(); return import(${JSON.stringify(THREAD_URL.href)}); })`;

/** A started thread, and the port to it: what it says waits there until somebody listens. */
interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
}

/** Executors as worker threads of this process. */
export class ThreadSpawner implements ExecutorSpawner {
  readonly #options: ThreadSpawnerOptions;
  readonly #fleet: ExecutorFleet;
  #spares: Thread[] = [];
  #isClosed = false;

  constructor(options: ThreadSpawnerOptions) {
    this.#options = options;
    this.#fleet = new ExecutorFleet(options.settings);
    this.#refill();
  }

  spawn(listener: ExecutorListener): ExecutorHandle {
    if (this.#isClosed) throw new MeshError("INVALID_ARGUMENT", "this spawner was closed");
    const { worker, port } = this.#spares.shift() ?? this.#start();
    // A spare that dies while nobody uses it must not end the process; from here on it counts.
    worker.removeAllListeners("error");
    worker.ref();
    const host = this.#fleet.add({
      port: nodeEndpoint(port),
      listener,
      terminate() {
        port.close();
        void worker.terminate();
      },
    });
    worker.on("error", (error) => host.end(`it crashed: ${crashOf(error)}`));
    worker.on("exit", (code) => host.end(`its thread exited with code ${code}`));
    setImmediate(() => this.#refill());
    return host;
  }

  /** Stop every executor and the spare threads. */
  close(): void {
    this.#isClosed = true;
    this.#fleet.endAll("its worker was closed");
    for (const { worker } of this.#spares) void worker.terminate();
    this.#spares = [];
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
    const worker = new Worker(IS_SOURCE ? FROM_SOURCES : THREAD_URL, {
      eval: IS_SOURCE,
      name: "manta-executor",
      workerData: threadPort,
      transferList: [threadPort],
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    });
    return { worker, port };
  }
}

function crashOf(error: unknown): string {
  if (!(error instanceof Error)) return describe(error).message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return "it ran out of memory";
  const { name, message } = describe(error);
  return `${name}: ${message}`;
}
