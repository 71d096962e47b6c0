import { existsSync } from "node:fs";

/**
 * WebGPU for user code in a worker thread: `navigator.gpu` and the `GPU*` globals, as in a page.
 * Dawn is loaded when the first adapter is asked for, so that a thread without WebGPU pays nothing.
 */

/** The flags of the WebGPU standard, which programs use before they ask for an adapter. */
const FLAGS = {
  GPUBufferUsage: {
    MAP_READ: 0x1,
    MAP_WRITE: 0x2,
    COPY_SRC: 0x4,
    COPY_DST: 0x8,
    INDEX: 0x10,
    VERTEX: 0x20,
    UNIFORM: 0x40,
    STORAGE: 0x80,
    INDIRECT: 0x100,
    QUERY_RESOLVE: 0x200,
  },
  GPUMapMode: { READ: 0x1, WRITE: 0x2 },
  GPUShaderStage: { VERTEX: 0x1, FRAGMENT: 0x2, COMPUTE: 0x4 },
  GPUTextureUsage: {
    COPY_SRC: 0x1,
    COPY_DST: 0x2,
    TEXTURE_BINDING: 0x4,
    STORAGE_BINDING: 0x8,
    RENDER_ATTACHMENT: 0x10,
  },
};

let dawn: Promise<GPU> | undefined;

async function loadDawn(): Promise<GPU> {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  return create([]);
}

/** Stands in for Dawn's `GPU` object until it is needed. */
const lazyGpu = {
  async requestAdapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
    const gpu = await (dawn ??= loadDawn());
    return gpu.requestAdapter(options);
  },
  getPreferredCanvasFormat: (): GPUTextureFormat => "bgra8unorm",
  wgslLanguageFeatures: new Set<string>(),
};

/** Make WebGPU reachable the way pages reach it. */
export function exposeWebGpu(): void {
  Object.assign(globalThis, FLAGS);
  // Node 20 has no navigator, Node 21 and later have one without `gpu`.
  const navigator = (globalThis as { navigator?: object }).navigator ?? {
    userAgent: `Node.js/${process.versions.node}`,
  };
  Object.defineProperty(navigator, "gpu", { value: lazyGpu, configurable: true, enumerable: true });
  if (!("navigator" in globalThis)) {
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  }
}

/**
 * Whether a WebGPU adapter answers on this machine. Where Linux shows no sign of one Dawn is not
 * asked: it would complain on the terminal about missing Vulkan.
 */
export async function hasWebGpuAdapter(): Promise<boolean> {
  const signs = ["/dev/dri", "/dev/nvidia0", "/dev/dxg"];
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  const mayHave = VK_DRIVER_FILES || VK_ICD_FILENAMES || signs.some((path) => existsSync(path));
  if (process.platform === "linux" && !mayHave) return false;
  try {
    return (await lazyGpu.requestAdapter()) !== null;
  } catch {
    return false;
  }
}
