/** TensorFlow.js with every backend of a tab, as one module: what user code imports in the cage. */
import "@tensorflow/tfjs-backend-webgpu";

export * from "@tensorflow/tfjs";
export { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
