/** What the page and the cage's frame say to each other. Executors never hear or say any of it. */

/** The code that runs in the cage, as blobs: they cross origins without being copied. */
export interface CageAssets {
  readonly executor: Blob;
  readonly tfjs: Blob;
  /** What turns functions into source. */
  readonly packaging: Blob;
  /** The binaries of tfjs's wasm backend by file name. */
  readonly wasm: Readonly<Record<string, Blob>>;
}

/** What every executor of a cage gets. */
export interface ExecutorKit {
  readonly assets: CageAssets;
  /** Whether its code may use the graphics processor. */
  readonly gpu: boolean;
}

/** The page's first message to the frame, with a port for everything after. */
export interface HandOver extends ExecutorKit {
  readonly type: "manta-cage";
}

export type ToFrame =
  /** Answered by `alive`: no browser tells a page that a frame's process is gone. */
  | { readonly type: "ask" }
  | { readonly type: "spawn"; readonly executor: number; readonly port: MessagePort }
  | { readonly type: "terminate"; readonly executor: number };

export type FromFrame =
  | { readonly type: "opened" }
  | { readonly type: "alive" }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "crashed"; readonly executor: number; readonly reason: string };

/** What the frame hands to a fresh executor. */
export interface ExecutorStart extends ExecutorKit {
  readonly port: MessagePort;
}

/** The files of a built cage, next to each other. */
export const EXECUTOR_FILE = "executor.js";
export const TFJS_FILE = "tfjs.js";
export const PACKAGING_FILE = "packaging.js";
/** Not the threaded one: a caged worker has no SharedArrayBuffer. */
export const WASM_FILES = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"] as const;
