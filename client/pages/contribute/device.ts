import { nameGpu } from "../../browser-worker/name-gpu.ts";
import { describeBrowser, type Device } from "./settings.ts";

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
