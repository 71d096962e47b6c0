import { expect, test } from "vitest";
import { Prng } from "../../prng.ts";
import { ArrivalOrder } from "./arrival-order.ts";

const MIB = 2 ** 20;

test("whatever lane is how fast, messages are delivered once, in the order they were sent", async () => {
  for (let seed = 0; seed < 200; seed++) {
    const prng = new Prng(seed);
    const lanes = Array.from({ length: 1 + prng.below(4) }, (): number[] => []);
    const count = prng.below(100);
    for (let n = 0; n < count; n++) lanes[prng.below(lanes.length)]!.push(n);
    const order = new ArrivalOrder();
    const delivered: number[] = [];
    const stopped = new Set<number[]>();
    while (lanes.some((lane) => lane.length > 0)) {
      const able = lanes.filter((lane) => lane.length > 0 && !stopped.has(lane));
      // A lane that waits for a message must not keep that message itself.
      expect(able.length).toBeGreaterThan(0);
      const lane = able[prng.below(able.length)]!;
      const number = lane.shift()!;
      const stop = order.take(number, 3 * MIB, () => delivered.push(number));
      if (stop) {
        stopped.add(lane);
        void stop.then(() => stopped.delete(lane));
      }
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(delivered).toEqual(Array.from({ length: count }, (_, n) => n));
  }
});

test("a lane whose message has to wait is stopped only when much waits already", async () => {
  const order = new ArrivalOrder();
  const delivered: number[] = [];
  const take = (number: number) => order.take(number, 9 * MIB, () => delivered.push(number));
  expect(take(1)).toBeUndefined();
  const stop = take(2);
  expect(stop).toBeInstanceOf(Promise);
  expect(take(0)).toBeUndefined();
  await stop;
  expect(delivered).toEqual([0, 1, 2]);
});

test("empty messages that wait take memory too, so their lane is stopped in the end", () => {
  const order = new ArrivalOrder();
  const isStopped = (number: number) => order.take(number, 0, () => {}) !== undefined;
  expect(isStopped(1)).toBe(false);
  expect(Array.from({ length: 100_000 }, (_, n) => isStopped(n + 2))).toContain(true);
});

test("a number that came already is wrong", () => {
  const order = new ArrivalOrder();
  void order.take(0, 1, () => {});
  void order.take(2, 1, () => {});
  for (const number of [0, 2]) {
    expect(() => order.take(number, 1, () => {})).toThrow("came twice");
  }
});
