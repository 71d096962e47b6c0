import { systemClock } from "../../../shared/clock.ts";
import type { Packaging } from "../../../shared/driver/mesh.ts";
import type { TensorBackendName, Tensorflow } from "../../../shared/gpu/choose-backend.ts";
import { readyTensorflow } from "../../../shared/gpu/tensorflow.ts";
import type { BackendReport, ExecutorSettings } from "../../../shared/worker/executor-api.ts";
import { serveExecutor } from "../../../shared/worker/executor-serve.ts";
import type { CageAssets, ExecutorStart } from "./cage-messages.ts";

/** What tfjs-entry.ts exports. */
type TfjsBundle = Tensorflow & { setWasmPaths(paths: Record<string, string>): void };

/** The program of an executor in the cage: runs in a worker with no origin and no network. */
export function startExecutor({ port, assets, gpu }: ExecutorStart): void {
  refuseToClose();
  if (!gpu) withholdGpu();
  const turns = new MessageChannel();
  const callbacks: (() => void)[] = [];
  turns.port1.onmessage = () => callbacks.shift()?.();
  const executor = serveExecutor(port, {
    allocate: (byteLength) => new Uint8Array(byteLength),
    later(callback) {
      callbacks.push(callback);
      turns.port2.postMessage(undefined);
    },
    loadPackaging: () => loadPackaging(assets),
    loadTensorflow: (settings, onMeasured) => loadTensorflow(assets, settings, onMeasured),
  });
  // What user code left behind is no crash of this executor: whose it is fails with it.
  addEventListener("error", (event) => {
    if (executor.leftUncaught(event.error)) event.preventDefault();
  });
  addEventListener("unhandledrejection", ({ reason }) => executor.leftUncaught(reason));
}

async function loadPackaging(assets: CageAssets): Promise<Packaging> {
  const url = URL.createObjectURL(assets.packaging);
  try {
    return (await import(/* @vite-ignore */ url)) as Packaging;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function loadTensorflow(
  assets: CageAssets,
  { backend }: ExecutorSettings,
  onMeasured: (report: BackendReport) => void,
): Promise<Tensorflow> {
  const candidates: TensorBackendName[] = ["wasm", "cpu"];
  if (await hasWebGpuAdapter()) candidates.unshift("webgpu");
  const url = URL.createObjectURL(assets.tfjs);
  const tf = (await import(/* @vite-ignore */ url)) as TfjsBundle;
  URL.revokeObjectURL(url);
  // The backend fetches its binary, and blobs are all that can be fetched here.
  const wasmUrl = (name: string) => URL.createObjectURL(assets.wasm[name]!);
  const simd = wasmUrl("tfjs-backend-wasm-simd.wasm");
  tf.setWasmPaths({
    "tfjs-backend-wasm.wasm": wasmUrl("tfjs-backend-wasm.wasm"),
    "tfjs-backend-wasm-simd.wasm": simd,
    "tfjs-backend-wasm-threaded-simd.wasm": simd,
  });
  return readyTensorflow({ tf, candidates, backend, clock: systemClock, onMeasured });
}

async function hasWebGpuAdapter(): Promise<boolean> {
  try {
    return (await navigator.gpu?.requestAdapter()) != null;
  } catch {
    return false;
  }
}

/** A worker that closes itself tells nobody: its tasks would seem to run for ever. */
function refuseToClose(): void {
  const close = () => {
    throw new Error("an executor is ended by its worker, not by the code that it runs");
  };
  for (let owner: object | null = globalThis; owner; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, "close")) Object.defineProperty(owner, "close", { value: close });
  }
}

/**
 * Take away every way to the graphics processor: WebGPU, WebNN and WebGL, and nested workers, whose
 * realms would have them again.
 * @throws Error if the browser does not let go of one; the executor does not start then.
 */
function withholdGpu(): void {
  const navigatorParts = Object.getPrototypeOf(navigator) as object;
  const ways: readonly (readonly [object, string])[] = [
    [navigatorParts, "gpu"],
    [navigatorParts, "ml"],
    [globalThis, "OffscreenCanvas"],
    [globalThis, "Worker"],
  ];
  for (const [owner, name] of ways) {
    Reflect.deleteProperty(owner, name);
    if (name in globalThis || name in navigator) {
      throw new Error(`this browser does not let an executor do without ${name}`);
    }
  }
}
