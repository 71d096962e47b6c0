import fc from "fast-check";
import { expect, test } from "vitest";
import { ChainedSet, PLACE_WORDS, type Chained } from "./chained-set.ts";

class Element implements Chained {
  readonly places = Array.from({ length: 2 * PLACE_WORDS }, () => undefined);
}

test("behaves as a Set that keeps insertion order, in each slot", () => {
  const operation = fc.tuple(
    fc.constantFrom("add" as const, "delete" as const, "moveToEnd" as const),
    fc.nat(5),
    fc.nat(1),
  );
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const elements = Array.from({ length: 6 }, () => new Element());
      const chained = [new ChainedSet<Element>(0), new ChainedSet<Element>(1)];
      const models = [new Set<Element>(), new Set<Element>()];
      for (const [name, index, slot] of operations) {
        const element = elements[index]!;
        if (name !== "add") models[slot]!.delete(element);
        if (name !== "delete") models[slot]!.add(element);
        chained[slot]![name](element);
      }
      for (const [slot, set] of chained.entries()) {
        const model = models[slot]!;
        expect([...set].map((element) => elements.indexOf(element))).toEqual(
          [...model].map((element) => elements.indexOf(element)),
        );
        expect([...set.backwards()]).toEqual([...set].toReversed());
        expect(set.first).toBe([...model][0]);
        expect(set.last).toBe([...model].at(-1));
        expect(set.size).toBe(model.size);
        for (const element of elements) expect(set.has(element)).toBe(model.has(element));
      }
    }),
  );
});

test("an element is in one set of a kind at a time", () => {
  const element = new Element();
  const one = new ChainedSet<Element>(0);
  const other = new ChainedSet<Element>(0);
  one.add(element);
  expect(() => other.add(element)).toThrow("another set of this kind");
  expect(other.delete(element)).toBe(false);
  expect([...one]).toEqual([element]);
});

test("the element at hand may be deleted on the way", () => {
  const set = new ChainedSet<Element>(0);
  const elements = [new Element(), new Element(), new Element()];
  for (const element of elements) set.add(element);
  const seen = [];
  for (const element of set) {
    seen.push(element);
    set.delete(element);
  }
  expect(seen).toEqual(elements);
  expect(set.size).toBe(0);
});
