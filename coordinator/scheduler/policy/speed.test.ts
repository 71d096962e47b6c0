import { describe, expect, test } from "vitest";
import { aheadUsMax } from "./prefetch.ts";
import { isLeftToOthers, learnRoundTrip, learnSpeed, slotsOf, unknownSpeed } from "./speed.ts";

describe("how fast a worker is", () => {
  test("its first task says most, later ones correct that", () => {
    const speed = unknownSpeed();
    expect(learnSpeed(speed, 10, 100)).toBe(true);
    expect(speed.slowness).toBeCloseTo(10);
    speed.published = speed.slowness;
    for (let i = 0; i < 50; i++) learnSpeed(speed, 10, 20);
    expect(speed.slowness).toBeCloseTo(2, 1);
  });

  test("times too short to be measured say nothing", () => {
    const speed = unknownSpeed();
    expect(learnSpeed(speed, 0.01, 0.4)).toBe(false);
    expect(learnSpeed(speed, undefined, 100)).toBe(false);
    expect(speed.slowness).toBe(1);
  });

  test("the shortest way there and back counts; a longer one only if it stays", () => {
    const speed = unknownSpeed();
    for (const ms of [300, 100, 900]) learnRoundTrip(speed, ms);
    expect(speed.roundTripMs).toBe(140);
  });

  test("slots are what the scarcest resource allows", () => {
    const capacity = { cpuMilli: 4_000, gpuMilli: 1_000, memoryBytes: 100 };
    expect(slotsOf(capacity, { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 })).toBe(4);
    expect(slotsOf(capacity, { cpuMilli: 500, gpuMilli: 500, memoryBytes: 40 })).toBe(2);
  });
});

describe("work ahead", () => {
  test("[S6] is at least 20 ms, twice the round trip, and at most half a second", () => {
    expect(aheadUsMax({ ...unknownSpeed(), roundTripMs: 1 })).toBe(20_000);
    expect(aheadUsMax({ ...unknownSpeed(), roundTripMs: 100 })).toBe(200_000);
    expect(aheadUsMax({ ...unknownSpeed(), roundTripMs: 5_000 })).toBe(500_000);
  });
});

describe("a slow worker", () => {
  const slow = { ...unknownSpeed(), published: 10 };
  const all = { slots: 4, speed: 3.1 };

  test("[S5] helps as long as much waits, and leaves the rest to the others", () => {
    expect(isLeftToOthers(slow, 1, { queued: 100, all })).toBe(false);
    expect(isLeftToOthers(slow, 1, { queued: 10, all })).toBe(true);
  });

  test("is not slow among its like, nor alone", () => {
    expect(isLeftToOthers(slow, 1, { queued: 1, all: { slots: 4, speed: 0.4 } })).toBe(false);
    expect(isLeftToOthers(slow, 1, { queued: 1, all: { slots: 1, speed: 0.1 } })).toBe(false);
  });
});
