import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { systemClock } from "../shared/clock.ts";
import type { Tensorflow } from "../shared/gpu/choose-backend.ts";
import { readyTensorflow } from "../shared/gpu/tensorflow.ts";
import type {
  BackendReport,
  ExecutorSettings,
  TensorBackendName,
} from "../shared/worker/executor-api.ts";
import { hasWebGpuAdapter } from "./executor-gpu.ts";

/** The one tfjs of this thread. `navigator.gpu` must be there before: the backend looks once. */
export async function loadTensorflow(
  settings: ExecutorSettings,
  onMeasured: (report: BackendReport) => void,
): Promise<Tensorflow> {
  const { backend } = settings;
  const candidates: TensorBackendName[] = ["wasm", "cpu"];
  const usesWebGpu = backend ? backend === "webgpu" : await hasWebGpuAdapter();
  if (usesWebGpu) candidates.unshift("webgpu");

  const tf = commonJs(await import("@tensorflow/tfjs"));
  const wasm = commonJs(await import("@tensorflow/tfjs-backend-wasm"));
  const { resolve } = createRequire(import.meta.url);
  const wasmFolder = join(dirname(resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist");
  wasm.setWasmPaths(wasmFolder + sep);
  if (usesWebGpu) await import("@tensorflow/tfjs-backend-webgpu");
  return readyTensorflow({ tf, candidates, backend, clock: systemClock, onMeasured });
}

/** tfjs is CommonJS to Node, whose own list of such a module's exports is not complete. */
const commonJs = <T extends object>(module: T): T =>
  "default" in module ? (module.default as T) : module;
