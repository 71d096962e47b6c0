import { describeBrowser, type Device } from "./settings.ts";

/** How long the browser may take to name its GPU before the page goes on without. */
const ADAPTER_MS_MAX = 3_000;

/** Ask the browser what this machine has. Quick, and runs no work. */
export async function probeDevice(): Promise<Device> {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const gpuName = await nameGpu();
  return {
    threads: navigator.hardwareConcurrency || 1,
    ...(deviceMemory === undefined ? {} : { memoryBytes: deviceMemory * 2 ** 30 }),
    ...(gpuName === undefined ? {} : { gpuName }),
    webrtc: "RTCPeerConnection" in globalThis,
    browser: describeBrowser(navigator.userAgent),
  };
}

async function nameGpu(): Promise<string | undefined> {
  // Absent in browsers without WebGPU and on pages that are not a secure context.
  const gpu = (navigator as { gpu?: GPU }).gpu;
  if (!gpu) return undefined;
  const tooLate = new Promise<null>((resolve) => setTimeout(resolve, ADAPTER_MS_MAX, null));
  const adapter = await Promise.race([gpu.requestAdapter().catch(() => null), tooLate]);
  if (!adapter) return undefined;
  const { vendor, architecture, description } = adapter.info;
  return description || `${vendor} ${architecture}`.trim() || "WebGPU adapter";
}
