import { nameGpu } from "../../browser-worker/name-gpu.ts";
import { hasOpfs } from "../../browser-worker/opfs-spill-files.ts";
import { describeBrowser, type Device } from "./settings.ts";

/** Ask the browser what this machine has. Quick, and runs no work. */
export async function probeDevice(): Promise<Device> {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const [gpuName, diskBytes] = await Promise.all([nameGpu(), probeDisk()]);
  return {
    threads: navigator.hardwareConcurrency || 1,
    ...(deviceMemory === undefined ? {} : { memoryBytes: deviceMemory * 2 ** 30 }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(gpuName === undefined ? {} : { gpuName }),
    webrtc: "RTCPeerConnection" in globalThis,
    browser: describeBrowser(navigator.userAgent),
  };
}

async function probeDisk(): Promise<number | undefined> {
  if (!hasOpfs()) return undefined;
  try {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return Math.max(0, quota - usage);
  } catch {
    return undefined;
  }
}
