import { expect, test } from "vitest";
import type { ObjectId } from "../ids.ts";
import { LocalStore } from "../objects/local-store.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import type { Outcome } from "./machine/types.ts";
import { ResultRoom } from "./result-room.ts";

const SIZE = 2 * INLINE_BYTES_MAX;
const outcomeOf = (key: string, sizeBytes: number): Outcome => ({
  key,
  ranForMs: 1,
  value: { bytes: new Uint8Array(sizeBytes), contained: [] },
});

/** A store with room for one result, in which another object is in use. */
function fullRoom() {
  const store = new LocalStore({ bytesMax: 1.5 * SIZE });
  store.put("p.0" as ObjectId, new Uint8Array(SIZE));
  const room = new ResultRoom(store, ({ key }) => key as ObjectId);
  const delivered: Outcome[] = [];
  const admit = (outcome: Outcome) =>
    room.admit(outcome, (it) => {
      delivered.push(it);
      if (it.value) store.put(it.key as ObjectId, it.value.bytes);
    });
  return { store, delivered, admit };
}

test("a small result is passed on at once, however full the store is", () => {
  const { delivered, admit } = fullRoom();
  admit(outcomeOf("p.1", 10));
  expect(delivered).toHaveLength(1);
});

test("a large one is passed on when there is room for it, and takes that room", async () => {
  const { store, delivered, admit } = fullRoom();
  const { unpin } = store.pin("p.0" as ObjectId)!;
  admit(outcomeOf("p.1", SIZE));
  await new Promise(setImmediate);
  expect(delivered).toEqual([]);
  store.delete("p.0" as ObjectId);
  unpin();
  await expect.poll(() => delivered).toHaveLength(1);
  expect(store.usage()).toMatchObject({ memoryBytes: SIZE, expectedBytes: 0 });
});

test("one that cannot have room becomes an error that says so", async () => {
  const { delivered, admit } = fullRoom();
  admit(outcomeOf("p.1", SIZE));
  await expect.poll(() => delivered).toHaveLength(1);
  expect(delivered[0]).toMatchObject({ key: "p.1", error: { code: "STORE_FULL" } });
  admit(outcomeOf("p.2", 4 * SIZE));
  await expect.poll(() => delivered).toHaveLength(2);
  expect(delivered[1]).toMatchObject({ error: { code: "OBJECT_TOO_LARGE" } });
});
