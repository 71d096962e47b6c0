/**
 * What shipped code may name without bringing it along: what every executor has, that is a worker
 * thread of Node 20 and a dedicated worker in any browser. Whether it may be *used* (no network in
 * the cage) is another matter.
 */
export const GLOBALS_EVERYWHERE: ReadonlySet<string> = new Set(
  `
  AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date
  Error EvalError FinalizationRegistry Float32Array Float64Array Function Infinity Int16Array
  Int32Array Int8Array Intl JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError
  Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array
  Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI
  encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape

  AbortController AbortSignal Blob BroadcastChannel ByteLengthQueuingStrategy CompressionStream
  CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DecompressionStream Event
  EventTarget File FormData Headers MessageChannel MessageEvent MessagePort Performance
  PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver ReadableStream
  ReadableStreamDefaultReader Request Response SubtleCrypto TextDecoder TextDecoderStream
  TextEncoder TextEncoderStream TransformStream URL URLSearchParams WebAssembly WritableStream
  WritableStreamDefaultWriter atob btoa clearInterval clearTimeout console crypto fetch navigator
  performance queueMicrotask self setInterval setTimeout structuredClone

  __manta_import __name
  `
    .trim()
    .split(/\s+/),
);

/** WebGPU's classes and constants; executors on Node set them up too. */
const WEBGPU = /^GPU[A-Z]\w*$/;

const rows = (where: string, names: string): [string, string][] =>
  names.split(" ").map((name) => [name, where]);

/** What some executors have, and which. To use it, code must look first: `typeof name`. */
const SOMEWHERE = new Map([
  ...rows(
    "only Node has it",
    "process require module exports __dirname __filename Buffer global setImmediate clearImmediate",
  ),
  ...rows(
    "only pages have it, and no code runs in one",
    "window document localStorage sessionStorage alert confirm prompt history screen parent top " +
      "frames Image Audio HTMLElement HTMLCanvasElement HTMLImageElement HTMLVideoElement Element " +
      "Node DOMParser MutationObserver ResizeObserver RTCPeerConnection AudioContext " +
      "cancelIdleCallback requestIdleCallback matchMedia getComputedStyle",
  ),
  ...rows(
    "only browsers have it",
    "location indexedDB caches XMLHttpRequest EventSource WebTransport Worker SharedWorker " +
      "importScripts WorkerGlobalScope DedicatedWorkerGlobalScope WorkerNavigator OffscreenCanvas " +
      "ImageData ImageBitmap createImageBitmap requestAnimationFrame cancelAnimationFrame " +
      "postMessage close onmessage FileReader FileReaderSync VideoDecoder VideoEncoder VideoFrame " +
      "scheduler reportError Notification Path2D FontFace",
  ),
  ...rows("older engines lack it", "Float16Array Iterator SuppressedError Temporal WebSocket"),
  ...rows("older engines lack it", "DisposableStack AsyncDisposableStack"),
  ...rows("tabs lack it", "SharedArrayBuffer"),
  ...rows("no worker has it", "Deno Bun"),
]);

/** Those of WebGPU too. */
export const isGlobalEverywhere = (name: string): boolean =>
  GLOBALS_EVERYWHERE.has(name) || WEBGPU.test(name);

/** @returns who has the global, as a clause, if not every executor does. */
export const whereGlobal = (name: string): string | undefined => SOMEWHERE.get(name);
