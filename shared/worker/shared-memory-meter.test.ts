import { expect, test } from "vitest";
import { PassedMemory } from "./passed-memory.ts";
import { SharedMemoryMeter } from "./shared-memory-meter.ts";

const MIB = 2 ** 20;
const shared = (sizeBytes: number) => new Uint8Array(new SharedArrayBuffer(sizeBytes));

/** An executor that has the engine collect every 4 MiB, and its agent's side. */
function scene() {
  const collections: string[] = [];
  const meter = new SharedMemoryMeter({
    later: (callback) => callback(),
    collect: (kind) => collections.push(kind),
  });
  meter.configure(4 * MIB);
  const passed = new PassedMemory();
  const read = (object: Uint8Array<ArrayBufferLike>) => {
    meter.passed(passed.newBytesOf([object]));
    meter.outcomesSent();
  };
  return { read, collections };
}

test("an object that an executor reads again and again is a reason to collect once, however large", () => {
  const { read, collections } = scene();
  const object = shared(64 * MIB);
  for (let time = 0; time < 100; time++) read(object);
  expect(collections).toEqual(["minor"]);
});

test("as much again in other memory is a reason to collect again, every second time thoroughly", () => {
  const { read, collections } = scene();
  for (let object = 0; object < 16; object++) read(shared(MIB));
  expect(collections).toEqual(["minor", "major", "minor", "major"]);
});

test("memory that is not shared is left to the engine", () => {
  const { read, collections } = scene();
  for (let object = 0; object < 16; object++) read(new Uint8Array(MIB));
  expect(collections).toEqual([]);
});
