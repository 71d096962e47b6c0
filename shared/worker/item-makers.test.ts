import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { CallableId, ObjectId } from "../ids.ts";
import { decodeValue } from "../objects/codec.ts";
import type { Define } from "../protocol/messages.ts";
import { ItemMakers, type ItemMakersParts } from "./item-makers.ts";
import { packItemOrder } from "./item-order.ts";
import { UnfinishedCalls } from "./unfinished-calls.ts";

/** Makes items of one function's results, and remembers them. */
class TestMaker {
  readonly items: string[] = [];
  readonly makers: ItemMakers;
  #onItem: (() => void) | undefined;

  constructor(define: Pick<Define, "stream" | "returns">) {
    const parts = {
      host: {
        clock: systemClock,
        item: (_key: string, index: number, value: { toBytes(): Uint8Array<ArrayBuffer> }) => {
          this.items.push(`${index}: ${String(decodeValue(value.toBytes()))}`);
          this.#onItem?.();
        },
        later: (callback: () => void) => setImmediate(callback),
      },
      driver: { refs: undefined, share: (_object: ObjectId) => {} },
      callables: { definition: () => define },
      unfinished: new UnfinishedCalls(),
    };
    this.makers = new ItemMakers(parts as unknown as ItemMakersParts);
  }

  make(result: unknown, from = 0, taken = 0) {
    const order = {
      key: "k",
      kind: "task",
      callable: "d.f" as CallableId,
      method: packItemOrder({ from, taken }),
      args: new Uint8Array(0),
      dependencies: [],
    } as const;
    return this.makers.make(order, { what: 'task "f"' }, result);
  }

  async until(count: number): Promise<void> {
    while (this.items.length < count) {
      await new Promise<void>((resolve) => {
        this.#onItem = resolve;
      });
    }
  }
}

function* counting(ends: string[], n = Infinity) {
  try {
    for (let i = 0; i < n; i++) yield i;
  } finally {
    ends.push("finally");
  }
}

async function* later(ends: string[], n = Infinity) {
  yield* counting(ends, n);
}

test.each([
  ["a generator", counting],
  ["an asynchronous one", later],
])(
  "%s is resumed when its reader has taken enough, and gives how many there were",
  async (_, fn) => {
    const maker = new TestMaker({ stream: { maxAhead: 2 } });
    const ends: string[] = [];
    const made = maker.make(fn(ends, 5));
    await maker.until(2);
    await new Promise(setImmediate);
    expect(maker.items).toEqual(["0: 0", "1: 1"]);
    maker.makers.taken("k", 1);
    await maker.until(3);
    await new Promise(setImmediate);
    expect(maker.items.length).toBe(3);
    maker.makers.taken("k", 5);
    expect(await made).toBe(5);
    expect(ends).toEqual(["finally"]);
  },
);

test.each([
  ["a generator", counting],
  ["an asynchronous one", later],
])("%s that is paused ends with its finally blocks when it is stopped", async (_, fn) => {
  const maker = new TestMaker({ stream: { maxAhead: 1 } });
  const ends: string[] = [];
  const made = maker.make(fn(ends));
  await maker.until(1);
  maker.makers.stop("k");
  expect(await made).toMatchObject({ code: "TASK_CANCELLED" });
  expect(ends).toEqual(["finally"]);
});

test("what the mesh has already is run and not told again", async () => {
  const maker = new TestMaker({ stream: { maxAhead: 9 } });
  expect(await maker.make(counting([], 5), 3, 3)).toBe(5);
  expect(maker.items).toEqual(["3: 3", "4: 4"]);
});

test("what it throws, and an item that cannot be encoded, are told apart", async () => {
  const maker = new TestMaker({ stream: { maxAhead: 9 } });
  const throwing = maker.make(
    (function* () {
      yield 1;
      throw new TypeError("no");
    })(),
  );
  expect(await throwing).toMatchObject({ code: "TASK_FAILED", cause: { name: "TypeError" } });
  const ends: string[] = [];
  const bad = maker.make(
    (function* () {
      try {
        yield () => 1;
      } finally {
        ends.push("finally");
      }
    })(),
  );
  const message = expect.stringContaining('item 0 of task "f" cannot be encoded') as string;
  expect(await bad).toMatchObject({ code: "NOT_ENCODABLE", message });
  expect(ends).toEqual(["finally"]);
});

test("an array becomes its values, if there are as many as was said", async () => {
  const maker = new TestMaker({ returns: 2 });
  expect(await maker.make(Promise.resolve(["a", "b"]))).toBe(2);
  expect(maker.items).toEqual(["0: a", "1: b"]);
  expect(await maker.make(["a"])).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(await maker.make("ab")).toMatchObject({ code: "INVALID_ARGUMENT" });
});
