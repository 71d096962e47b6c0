import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { ObjectId } from "../ids.ts";
import { ManualClock, quiet } from "../peer/test-mesh.ts";
import type { SpillDevice } from "./spill-device.ts";
import type { SpillPlace } from "./store-entry.ts";
import { LocalStore } from "./local-store.ts";
import { DISK_RETRY_MS } from "./store-plan.ts";

const object = (n: number) => `p.${n}` as ObjectId;
const codeOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    if (MeshError.is(error)) return error.code;
    throw error;
  }
  return "fine";
};

test("accounts for every byte, whatever is put and deleted", () => {
  const operation = fc.tuple(fc.boolean(), fc.nat(5), fc.nat(60));
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const store = new LocalStore({ bytesMax: 100 });
      const model = new Map<ObjectId, number>();
      const used = () => [...model.values()].reduce((sum, size) => sum + size, 0);
      for (const [puts, n, size] of operations) {
        if (puts) {
          const fits = model.has(object(n)) || used() + size <= 100;
          expect(codeOf(() => store.put(object(n), new Uint8Array(size)))).toBe(
            fits ? "fine" : "STORE_FULL",
          );
          if (fits && !model.has(object(n))) model.set(object(n), size);
        } else {
          expect(store.delete(object(n))).toBe(model.delete(object(n)));
        }
        expect(store.usage().memoryBytes).toBe(used());
        expect(store.usage().objects).toBe(model.size);
      }
      for (const [id, size] of model) expect(store.get(id)?.length).toBe(size);
    }),
  );
});

test("an object larger than the whole store is too large, not a full store", () => {
  const store = new LocalStore({ bytesMax: 100 });
  expect(codeOf(() => store.put(object(1), new Uint8Array(101)))).toBe("OBJECT_TOO_LARGE");
  expect(codeOf(() => store.put(object(1), new Uint8Array(100)))).toBe("fine");
});

test("a full store says how full it is and what to do", () => {
  const store = new LocalStore({ bytesMax: 100 });
  store.put(object(1), new Uint8Array(70));
  expect(() => store.put(object(2), new Uint8Array(40))).toThrow(
    /p\.2 of 40 bytes: 70 of 100 bytes are taken by 1 objects; release refs/,
  );
});

test("an object that is here already stays as it is", () => {
  const store = new LocalStore({ bytesMax: 100 });
  store.put(object(1), Uint8Array.of(1, 2));
  store.put(object(1), Uint8Array.of(9));
  expect(store.get(object(1))).toEqual(Uint8Array.of(1, 2));
  expect(store.usage().memoryBytes).toBe(2);
});

/** A disk in memory that can be told to be full. */
class Disk implements SpillDevice {
  readonly files = new Map<string, Uint8Array>();
  isFull = false;

  async write(parts: readonly Uint8Array[]): Promise<SpillPlace[]> {
    await Promise.resolve();
    if (this.isFull) throw new Error("the disk is full");
    return parts.map((part) => {
      const file = String(Math.random());
      this.files.set(file, part.slice());
      return { file, offset: 0, sizeBytes: part.byteLength };
    });
  }
  async read({ file }: SpillPlace, offset: number, target: Uint8Array): Promise<void> {
    await Promise.resolve();
    const bytes = this.files.get(file);
    if (!bytes) throw new Error("no such file");
    target.set(bytes.subarray(offset, offset + target.byteLength));
  }
  erase({ file }: SpillPlace): void {
    this.files.delete(file);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

const filled = (n: number, sizeBytes: number) => new Uint8Array(sizeBytes).fill(n);

test("what does not fit goes to disk, least recently used first, and comes back when it is read", async () => {
  const disk = new Disk();
  const store = new LocalStore({ bytesMax: 100, spill: disk });
  store.put(object(1), filled(1, 40));
  store.put(object(2), filled(2, 40));
  store.get(object(1));
  store.put(object(3), filled(3, 40));
  await store.whenStored(object(3));
  expect(store.get(object(2))).toBeUndefined();
  expect(store.usage()).toMatchObject({ memoryBytes: 80, spilledBytes: 40, objects: 3 });
  expect(await store.load(object(2))).toEqual(filled(2, 40));
  for (const n of [1, 2, 3]) expect(await store.load(object(n))).toEqual(filled(n, 40));
  for (const n of [1, 2, 3]) expect(store.delete(object(n))).toBe(true);
  expect(store.usage()).toMatchObject({ memoryBytes: 0, diskBytes: 0, objects: 0 });
  expect(disk.files.size).toBe(0);
});

test("a spilled object is read in pieces without coming back, even if it is freed meanwhile", async () => {
  const disk = new Disk();
  const store = new LocalStore({ bytesMax: 100, spill: disk });
  store.put(object(1), filled(1, 60));
  store.put(object(2), filled(2, 60));
  await store.whenStored(object(2));
  const opened = store.open(object(1))!;
  store.delete(object(1));
  expect(await opened.read(50, 10)).toEqual(filled(1, 10));
  expect(store.get(object(1))).toBeUndefined();
  opened.close();
  expect(disk.files.size).toBe(0);
});

test("what is in use stays in memory and counts, though it is freed", async () => {
  const store = new LocalStore({ bytesMax: 100, spill: new Disk() });
  store.put(object(1), filled(1, 60));
  const { unpin } = store.pin(object(1))!;
  store.delete(object(1));
  expect(store.usage()).toMatchObject({ memoryBytes: 60, pinnedBytes: 60, objects: 0 });
  let isReserved = false;
  const reserving = store.reserve(object(2), 60, { isKept: true }).then((end) => {
    isReserved = true;
    end();
  });
  await new Promise(setImmediate);
  expect(isReserved).toBe(false);
  unpin();
  await reserving;
  expect(store.usage()).toMatchObject({ memoryBytes: 0, expectedBytes: 0 });
});

test("a full disk fails who needs the room, says so, and loses nothing", async () => {
  const disk = new Disk();
  const store = new LocalStore({ bytesMax: 100, spill: disk });
  store.put(object(1), filled(1, 60));
  disk.isFull = true;
  const reserving = store.reserve(object(2), 60, { isKept: true });
  await expect(reserving).rejects.toThrow(/p\.2 of 60 bytes.*the disk is full/);
  expect(store.get(object(1))).toEqual(filled(1, 60));
  expect(codeOf(() => store.put(object(3), filled(3, 60)))).toBe("STORE_FULL");
});

test("an object that the disk does not give back is lost, and said to be", async () => {
  const disk = new Disk();
  const store = new LocalStore({ bytesMax: 100, spill: disk });
  const lost: ObjectId[] = [];
  store.onDropped = (gone) => lost.push(gone);
  store.put(object(1), filled(1, 60));
  store.put(object(2), filled(2, 60));
  await store.whenStored(object(2));
  disk.files.clear();
  await expect(store.load(object(1))).rejects.toMatchObject({ code: "OBJECT_LOST" });
  expect(lost).toEqual([object(1)]);
});

test("who waits for room is told when nothing was let go of in time", async () => {
  let fire = (): void => {};
  const clock: Clock = {
    nowMs: () => 0,
    after(_delayMs, callback) {
      fire = callback;
      return () => {};
    },
  };
  const store = new LocalStore({ bytesMax: 100, spill: new Disk(), clock });
  store.put(object(1), filled(1, 60));
  store.pin(object(1));
  const reserving = store.reserve(object(2), 60, { isKept: false });
  fire();
  await expect(reserving).rejects.toThrow(/60 of them in use by running work.*nothing was let go/);
});

test("what a full disk did not take goes there as soon as it has room again, though nobody asks for any", async () => {
  const clock = new ManualClock();
  const disk = new Disk();
  const store = new LocalStore({ bytesMax: 100, spill: disk, clock });
  disk.isFull = true;
  for (const n of [1, 2, 3]) store.put(object(n), filled(n, 40));
  await quiet();
  expect(store.usage().memoryBytes).toBe(120);
  clock.advance(DISK_RETRY_MS);
  await quiet();
  expect(store.usage().memoryBytes).toBe(120);
  disk.isFull = false;
  clock.advance(DISK_RETRY_MS);
  await quiet();
  expect(store.usage()).toMatchObject({ memoryBytes: 80, spilledBytes: 40 });
  expect(clock.pending).toBe(0);
  await store.close(new MeshError("DISCONNECTED", "over"));
});
