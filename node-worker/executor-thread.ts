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

// A promise that user code forgot must not take the other tasks and actors of this thread along.
process.on("unhandledRejection", (reason) => {
  process.stderr.write(`manta: a task left a rejected promise unhandled: ${inspect(reason)}\n`);
});

serveExecutor(nodeEndpoint(workerData), {
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
