import fc from "fast-check";
import { expect, test } from "vitest";
import { EventHeap } from "./event-heap.ts";

test("gives events by time, and those of one time in the order they came", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const heap = new EventHeap<readonly [atMs: number, order: number]>();
      times.forEach((atMs, order) => heap.push(atMs, [atMs, order]));
      const out = times.map(() => heap.pop());
      expect(out).toEqual(out.toSorted(([a, i], [b, j]) => a - b || i - j));
      expect(heap.nextAtMs).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});
