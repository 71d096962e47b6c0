import { openCage, type Cage } from "../../../browser-worker/cage/cage.ts";
import { fetchCageAssets } from "../../../browser-worker/cage/fetch-assets.ts";
import { nameGpu } from "../../../browser-worker/name-gpu.ts";
import { formatBytes } from "../../page/format.ts";
import type { Check } from "../check.ts";
import type { Scene } from "./scene.ts";

/** What objects that do not fit in memory need, at the least, to be of use. */
const QUOTA_BYTES_MIN = 2 ** 30;

export const secureContextCheck: Check<Scene> = {
  id: "secure",
  title: "Page is a secure context",
  deadlineMs: 1_000,
  run() {
    if (globalThis.isSecureContext) {
      return Promise.resolve({ tone: "good", text: `The browser trusts ${location.origin}.` });
    }
    return Promise.resolve({
      tone: "warn",
      text: `${location.origin} is neither https nor localhost, so the browser keeps WebGPU and storage from it.`,
      next: "To lend the graphics processor, open the mesh by https: put a TLS proxy before the coordinator.",
    });
  },
};

export const webGpuCheck: Check<Scene> = {
  id: "webgpu",
  title: "Graphics processor (WebGPU)",
  deadlineMs: 5_000,
  async run() {
    const name = await nameGpu();
    if (name !== undefined) return { tone: "good", text: `Available: ${name}.` };
    if (!globalThis.isSecureContext) {
      return { tone: "warn", text: "Not offered, because this page is not a secure context." };
    }
    if (!("gpu" in navigator)) {
      return {
        tone: "warn",
        text: "This browser has no WebGPU.",
        next: "Tasks run on the processor alone. For the graphics processor, use a current Chrome, Edge, Safari or Firefox.",
      };
    }
    return {
      tone: "warn",
      text: "The browser has WebGPU, but offers no adapter: the driver is blocked, missing, or switched off.",
      next: "Tasks run on the processor alone. “Use graphics acceleration” in the browser's settings must be on.",
    };
  },
};

export const storageCheck: Check<Scene> = {
  id: "storage",
  title: "Private storage (OPFS)",
  deadlineMs: 5_000,
  async run() {
    // Absent on pages that are no secure context.
    const storage = (navigator as { storage?: StorageManager }).storage;
    const next =
      "Objects then stay in memory only. A private window or blocked site data may be why.";
    if (!storage) return { tone: "warn", text: "This page may store nothing.", next };
    try {
      await storage.getDirectory();
    } catch (error) {
      return { tone: "warn", text: `The browser refuses: ${String(error)}.`, next };
    }
    const { quota = 0, usage = 0 } = await storage.estimate();
    const text = `${formatBytes(quota - usage)} of ${formatBytes(quota)} are free for this page.`;
    return { tone: quota - usage >= QUOTA_BYTES_MIN ? "good" : "warn", text };
  },
};

export const cageCheck: Check<Scene> = {
  id: "cage",
  title: "Cage for tasks is tight",
  needs: ["coordinator"],
  deadlineMs: 20_000,
  async run() {
    let cage: Cage | undefined;
    try {
      const folder = new URL("/cage/", location.origin);
      cage = await openCage({
        assets: await fetchCageAssets(folder),
        settings: { workerName: "diagnosis" },
        gpu: false,
        url: new URL("cage.html", folder).href,
      });
      await executorReady(cage);
      return { tone: "good", text: "A task's worker started in it, and found the network closed." };
    } catch (error) {
      return {
        tone: "bad",
        text: error instanceof Error ? error.message : String(error),
        next: "Nothing can run here. A browser extension that changes pages may be why: try without.",
      };
    } finally {
      cage?.close();
    }
  },
};

function executorReady(cage: Cage): Promise<void> {
  return new Promise((resolve, reject) => {
    cage.spawn({
      onReady: resolve,
      onEnded: (reason) => reject(new Error(`the worker in it ended: ${reason}`)),
      onOutcomes: () => {},
      onHold: () => {},
      onRelease: () => {},
      fetch: () => Promise.reject(new Error("no objects here")),
    });
  });
}
