/** What the page and the cage's frame say to each other. Executors never hear or say any of it. */

/** The code that runs in the cage, as blobs: they cross origins without being copied. */
export interface CageAssets {
  readonly executor: Blob;
  readonly tfjs: Blob;
  /** The binaries of tfjs's wasm backend by file name. */
  readonly wasm: Readonly<Record<string, Blob>>;
}

/** The page's first message to the frame: the assets, and a port for everything after. */
export interface HandOver {
  readonly type: "manta-cage";
  readonly assets: CageAssets;
}

export type ToFrame =
  | { readonly type: "spawn"; readonly executor: number; readonly port: MessagePort }
  | { readonly type: "terminate"; readonly executor: number };

export type FromFrame =
  | { readonly type: "opened" }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "crashed"; readonly executor: number; readonly reason: string };

/** What the frame hands to a fresh executor. */
export interface ExecutorStart {
  readonly port: MessagePort;
  readonly assets: CageAssets;
}

/** The files of a built cage, next to each other. */
export const EXECUTOR_FILE = "executor.js";
export const TFJS_FILE = "tfjs.js";
/** Not the threaded one: a caged worker has no SharedArrayBuffer. */
export const WASM_FILES = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"] as const;
