import { expect, test } from "vitest";
import type { ObjectId } from "../ids.ts";
import { LocalStore } from "../objects/local-store.ts";
import { Prng } from "../prng.ts";
import { ArgumentPins } from "./argument-pins.ts";

const object = (n: number) => `p.${n}` as ObjectId;

/** A store of 100 bytes, of which arguments may take 70, with an object in it per size. */
function world(...sizes: number[]) {
  const store = new LocalStore({ bytesMax: 100 });
  sizes.forEach((size, n) => store.put(object(n), new Uint8Array(size)));
  return { store, pins: new ArgumentPins(store) };
}
const wanted = (...numbers: number[]) => numbers.map((n) => ({ object: object(n) }));

async function isAdmitted(pins: ArgumentPins, n: number): Promise<boolean> {
  let isResolved = false;
  void pins.whenAdmitted(object(n)).then(() => (isResolved = true));
  await new Promise(setImmediate);
  return isResolved;
}

test("what an order runs with stays in memory until the order is closed", () => {
  const { store, pins } = world(30);
  pins.open("a", wanted(0));
  expect(pins.take("a", object(0))).toHaveLength(30);
  expect(store.usage().pinnedBytes).toBe(30);
  pins.close("a");
  expect(store.usage().pinnedBytes).toBe(0);
  pins.close("a");
});

test("arguments beyond the share wait for the end of an older order", async () => {
  const { pins } = world(40, 40);
  pins.open("a", wanted(0));
  pins.open("b", wanted(1));
  expect(pins.take("b", object(1))).toBeUndefined();
  expect(await isAdmitted(pins, 1)).toBe(false);
  pins.close("a");
  expect(await isAdmitted(pins, 1)).toBe(true);
  expect(pins.take("b", object(1))).toHaveLength(40);
});

test("an order alone may have more than the share, and one that adds nothing never waits", () => {
  const { pins } = world(90);
  pins.open("a", wanted(0));
  expect(pins.take("a", object(0))).toHaveLength(90);
  pins.open("same", wanted(0));
  expect(pins.take("same", object(0))).toHaveLength(90);
});

test("two orders never wait for each other with half of their arguments each", async () => {
  const { pins } = world();
  const sized = (...numbers: number[]) =>
    numbers.map((n) => ({ object: object(n), sizeBytes: 40 }));
  pins.open("a", sized(0, 1));
  pins.open("b", sized(2, 3));
  expect(await Promise.all([0, 1, 2, 3].map((n) => isAdmitted(pins, n)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("who waits for an object that no order wants any more is let go", async () => {
  const { pins } = world(40, 40);
  pins.open("a", wanted(0));
  pins.open("b", wanted(1));
  const waiting = pins.whenAdmitted(object(1));
  pins.close("b");
  await waiting;
});

test("whatever opens and closes, everything gets its turn and nothing stays pinned", async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Prng(seed);
    const sizes = [10, 10, 15, 15, 20, 25];
    const { store, pins } = world(...sizes);
    const open: string[] = [];
    for (let step = 0; step < 60; step++) {
      if (random.chance(1, 2)) {
        const key = `o${step}`;
        const count = 1 + random.below(3);
        const objects = Array.from({ length: count }, () => random.below(sizes.length));
        pins.open(key, wanted(...objects));
        for (const n of objects) pins.take(key, object(n));
        open.push(key);
      } else if (open.length > 0) {
        const [key] = open.splice(random.below(open.length), 1);
        pins.close(key!);
      }
      expect(store.usage().pinnedBytes).toBeLessThanOrEqual(70);
    }
    // The oldest is always admitted: ending them in order, each had its turn.
    for (const key of open) pins.close(key);
    expect(store.usage().pinnedBytes).toBe(0);
    expect(await isAdmitted(pins, random.below(sizes.length))).toBe(true);
  }
});
