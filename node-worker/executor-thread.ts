import { inspect } from "node:util";
import { MessagePort, workerData } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/umd/node-adapter.js";
import { invariant } from "../shared/errors.ts";
import { collectGarbage } from "../shared/node/collect-garbage.ts";
import { serveExecutor } from "../shared/worker/executor-serve.ts";
import { exposeWebGpu } from "./executor-gpu.ts";

/** The program of one executor: a worker thread that runs user code. */

invariant(workerData instanceof MessagePort, "an executor runs in a thread of ThreadSpawner");
exposeWebGpu();
// As in a page and in a tab's executor: shipped code may call its global object so.
Object.defineProperty(globalThis, "self", {
  value: globalThis,
  writable: true,
  configurable: true,
});

const executor = serveExecutor(nodeEndpoint(workerData), {
  allocate: (byteLength) => new Uint8Array(new SharedArrayBuffer(byteLength)),
  later: (callback) => setImmediate(callback),
  collect: collectGarbage,
  loadPackaging: () => import("../shared/packaging/ship-function.ts"),
  // tfjs takes 400 ms to import: only threads that use it pay.
  loadTensorflow: async (settings, onMeasured) => {
    const { loadTensorflow } = await import("./executor-tensorflow.ts");
    return loadTensorflow(settings, onMeasured);
  },
});

// What user code left behind must not take the other tasks and actors of this thread along: whose it
// is fails with it. Nobody may be waiting any more, so the log has it, too.
const note = (what: string, thrown: unknown): void =>
  void process.stderr.write(`manta: a task left ${what}: ${inspect(thrown)}\n`);

process.on("unhandledRejection", (reason) => {
  executor.leftUncaught(reason);
  note("a rejected promise unhandled", reason);
});
process.on("uncaughtException", function receive(error) {
  if (executor.leftUncaught(error)) return note("an error uncaught", error);
  // A bug of ours: who runs this thread has to know that it cannot be relied on.
  process.off("uncaughtException", receive);
  setImmediate(() => {
    throw error;
  });
});
