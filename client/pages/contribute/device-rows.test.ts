import { expect, test } from "vitest";
import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import type { PeerId } from "../../../shared/ids.ts";
import { deviceRows } from "./device-rows.ts";

const device = { threads: 1, webrtc: true, browser: "Safari on iPhone" };
const measured: ContributionSnapshot = {
  phase: "working",
  peer: "b7d0m3za" as PeerId,
  tasksRunning: 0,
  tasksDone: 0,
  tasksFailed: 0,
  actors: 0,
  storedBytes: 0,
  spilledBytes: 0,
  links: [],
  current: [],
  gpuName: "apple metal-3",
  backend: {
    chosen: "wasm",
    measured: [
      { name: "wasm", ms: 12.04 },
      { name: "webgpu", rejected: "off by 3e-2" },
    ],
  },
};

test("what the browser hides is said, not left out", () => {
  expect(Object.fromEntries(deviceRows(device, false, undefined))).toEqual({
    Browser: "Safari on iPhone",
    Processor: "1 thread",
    Memory: "this browser does not tell",
    Graphics: "no WebGPU adapter",
    WebRTC: "switched off",
    Tensors: "measured when a task first needs them",
  });
});

test("a measurement names the winner, the others and why one was rejected", () => {
  expect(Object.fromEntries(deviceRows(device, true, measured))).toMatchObject({
    "Peer id": "b7d0m3za",
    Graphics: "apple metal-3",
    WebRTC: "available",
    Tensors: "wasm (wasm 12.0 ms, webgpu rejected: off by 3e-2)",
  });
});
