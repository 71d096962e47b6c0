import { expect, test } from "vitest";
import {
  type Device,
  describeBrowser,
  diskSteps,
  settingsFor,
  storeSteps,
  wishesFrom,
} from "./settings.ts";

const GIB = 2 ** 30;
const laptop: Device = {
  threads: 8,
  memoryBytes: 8 * GIB,
  diskBytes: 100 * GIB,
  gpuName: "apple metal-3",
  webrtc: true,
  browser: "Chrome on macOS",
};
const plain = wishesFrom("");

test("one processor and three quarters of the memory stay with their owner", () => {
  expect(settingsFor(laptop, plain)).toEqual({
    name: "Chrome on macOS",
    executors: 7,
    storeBytesMax: GIB,
    diskBytesMax: GIB,
    gpu: true,
  });
});

test("a machine with one processor gives one, a large one gives eight unless asked", () => {
  expect(settingsFor({ ...laptop, threads: 1 }, plain).executors).toBe(1);
  expect(settingsFor({ ...laptop, threads: 64 }, plain).executors).toBe(8);
  expect(settingsFor({ ...laptop, threads: 64 }, wishesFrom("?executors=99")).executors).toBe(16);
});

test("a browser that hides its memory is treated as a small machine", () => {
  const { memoryBytes: _hidden, ...phone } = laptop;
  expect(settingsFor(phone, plain).storeBytesMax).toBe(GIB / 4);
  expect(storeSteps(phone).at(-1)).toBe(GIB / 2);
});

test("the memory slider always has a step", () => {
  expect(storeSteps({ ...laptop, memoryBytes: GIB / 64 })).toEqual([GIB / 16]);
});

test("disk is offered as far as the browser allows it, and the address may ask for less", () => {
  const { diskBytes: _none, ...diskless } = laptop;
  expect(settingsFor(diskless, plain).diskBytesMax).toBe(0);
  expect(diskSteps({ ...laptop, diskBytes: GIB })).toEqual([0, GIB / 4, GIB / 2]);
  expect(settingsFor({ ...laptop, diskBytes: GIB }, plain).diskBytesMax).toBe(GIB / 4);
  const wishes = wishesFrom("?memory=128&disk=0");
  expect(settingsFor(laptop, wishes)).toMatchObject({ storeBytesMax: GIB / 8, diskBytesMax: 0 });
});

test("without an adapter there is no GPU to offer, whatever the address asks for", () => {
  const { gpuName: _none, ...device } = laptop;
  expect(settingsFor(device, wishesFrom("?gpu=1")).gpu).toBe(false);
  expect(settingsFor(laptop, wishesFrom("?gpu=0")).gpu).toBe(false);
});

test("the address presets the name, the start and the relay", () => {
  expect(wishesFrom("?start=1&webrtc=0&name=%20kitchen%20laptop%20")).toEqual({
    autoStart: true,
    webrtc: false,
    name: "kitchen laptop",
  });
  expect(settingsFor(laptop, wishesFrom(`?name=${"x".repeat(99)}`)).name).toHaveLength(64);
});

test("nonsense in the address is ignored", () => {
  expect(wishesFrom("?start=yes&executors=many&gpu=maybe&name=")).toEqual({
    autoStart: false,
    webrtc: true,
  });
});

test("a tab is named after its browser and system", () => {
  const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
  expect(describeBrowser(`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`)).toBe("Chrome on Linux");
  expect(describeBrowser(`Mozilla/5.0 (Windows NT 10.0) ${chrome} Edg/156.0`)).toBe(
    "Edge on Windows",
  );
  expect(describeBrowser("curl/8")).toBe("Browser");
});
