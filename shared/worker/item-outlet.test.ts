import { beforeEach, describe, expect, test } from "vitest";
import type { CallableId, ObjectId, TaskId } from "../ids.ts";
import { LocalStore } from "../objects/local-store.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import type { Define, Run } from "../protocol/messages.ts";
import { JobsHere } from "./jobs-here.ts";
import { ItemOutlets } from "./item-outlet.ts";
import type { Outcome } from "./machine/types.ts";

const SIZE = 2 * INLINE_BYTES_MAX;

let store: LocalStore;
let said: string[];
let outlets: ItemOutlets;

/** A store with room for one large item. */
beforeEach(() => {
  store = new LocalStore({ bytesMax: 1.5 * SIZE });
  said = [];
  outlets = new ItemOutlets({
    store,
    jobs: new JobsHere(),
    report: ({ index, inline }) => said.push(`item ${index} ${inline ? "inline" : "stored"}`),
    taken: (_key, taken) => said.push(`taken ${taken}`),
    stop: () => said.push("stop"),
  });
});

function open(items: Run["items"], define: Pick<Define, "stream" | "returns">): void {
  const run = { task: "d.1" as TaskId, attempt: 0, items } as Run;
  outlets.open("k", run, { callable: "d.f" as CallableId, ...define } as Define);
}

const give = (index: number, sizeBytes = 10): void =>
  outlets.give({ key: "k", index, bytes: new Uint8Array(sizeBytes), contained: [] }, () =>
    said.push(`done ${index}`),
  );

const finish = (): Promise<Outcome> =>
  new Promise((resolve) => outlets.finish({ key: "k", ranForMs: 1 }, resolve));

const stream = { stream: { maxAhead: 2 } };

describe("the items of an order", () => {
  test("are reported in order, a large one when it is in the store, and the outcome after them", async () => {
    open({ from: 0, taken: 0 }, stream);
    store.put("p.0" as ObjectId, new Uint8Array(SIZE));
    const { unpin } = store.pin("p.0" as ObjectId)!;
    give(0, SIZE);
    give(1);
    const outcome = finish();
    await new Promise(setImmediate);
    expect(said).toEqual([]);
    store.delete("p.0" as ObjectId);
    unpin();
    await outcome;
    expect(said).toEqual(["item 0 stored", "done 0", "item 1 inline", "done 1"]);
    expect(store.has("d.1y0" as ObjectId)).toBe(true);
  });

  test("are refused out of turn, and beyond what the reader allows", () => {
    open({ from: 0, taken: 0 }, stream);
    expect(() => give(1)).toThrow(/0 was next/);
    give(0);
    give(1);
    expect(() => give(2)).toThrow(/0 were taken/);
    outlets.taken({ task: "d.1" as TaskId, attempt: 1, taken: 2 });
    expect(() => give(2)).toThrow(/0 were taken/);
    outlets.taken({ task: "d.1" as TaskId, attempt: 0, taken: 1 });
    give(2);
    expect(said.filter((line) => line.startsWith("item"))).toHaveLength(3);
  });

  test("go on as the reader of the latest attempt says, also when an old order comes again", () => {
    const order = (key: string, attempt: number) => {
      const run = { task: "d.1" as TaskId, attempt, items: { from: 0, taken: 0 } } as Run;
      outlets.open(key, run, { callable: "d.f" as CallableId, ...stream } as Define);
    };
    const taken = (attempt: number, count: number) =>
      outlets.taken({ task: "d.1" as TaskId, attempt, taken: count });
    order("a", 0);
    order("b", 1);
    outlets.close("a");
    order("c", 0);
    outlets.close("c");
    taken(0, 1);
    expect(said).toEqual([]);
    taken(1, 1);
    expect(said).toEqual(["taken 1"]);
    outlets.close("b");
    taken(1, 2);
    expect(said).toEqual(["taken 1"]);
  });

  test("of a fixed number are as many", () => {
    open({ from: 1 }, { returns: 2 });
    expect(() => give(0)).toThrow(/1 was next/);
    give(1);
    expect(() => give(2)).toThrow(/gave item 2/);
  });

  test("that were read before are paced from here", () => {
    open({ from: 5 }, stream);
    give(5);
    give(6);
    expect(said).toEqual([
      "item 5 inline",
      "taken 6",
      "done 5",
      "item 6 inline",
      "taken 7",
      "done 6",
    ]);
  });

  test("that can have no room fail the order, and its executor makes no more", async () => {
    open({ from: 0, taken: 0 }, stream);
    give(0, 4 * SIZE);
    give(1);
    expect(await finish()).toMatchObject({ error: { code: "OBJECT_TOO_LARGE" } });
    expect(said).toEqual(["stop", "done 0", "done 1"]);
  });

  test("of an order that has ended are dropped, also those that waited for room", async () => {
    open({ from: 0, taken: 0 }, stream);
    store.put("p.0" as ObjectId, new Uint8Array(SIZE));
    const { unpin } = store.pin("p.0" as ObjectId)!;
    give(0, SIZE);
    outlets.close("k");
    give(1);
    store.delete("p.0" as ObjectId);
    unpin();
    await expect.poll(() => said).toEqual(["done 1", "done 0"]);
    expect(store.usage()).toMatchObject({ memoryBytes: 0, expectedBytes: 0 });
  });
});
