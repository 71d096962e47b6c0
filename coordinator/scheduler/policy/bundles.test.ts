import { describe, expect, test } from "vitest";
import { planBundles, type Fleet, type PackStrategy } from "./bundles.ts";

interface Bundle {
  readonly name: string;
  readonly demands: { cpuMilli: number; gpuMilli: number; memoryBytes: number };
}

const bundle = (name: string, cpuMilli: number): Bundle => ({
  name,
  demands: { cpuMilli, gpuMilli: 0, memoryBytes: 0 },
});

/** Hosts by what is free on them, asked in this order. */
function planned(
  strategy: PackStrategy,
  sizes: readonly number[],
  free: Record<string, number>,
  inUse: readonly string[] = [],
): string[] | undefined {
  const left = new Map(Object.entries(free));
  const bundles = sizes.map((size, i) => bundle(`${i}`, size));
  const has = (host: string, size: number) => left.get(host)! >= size;
  const fleet: Fleet<string, Bundle> = {
    fits: (host, { demands }) => has(host, demands.cpuMilli),
    find: ({ demands }, except) =>
      [...left.keys()].find((host) => !except.has(host) && has(host, demands.cpuMilli)),
    findForAll: () => {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      return [...left.keys()].find((host) => has(host, total));
    },
    plan: (host, { demands }) => void left.set(host, left.get(host)! - demands.cpuMilli),
  };
  const hosts = planBundles(strategy, bundles, fleet, inUse);
  return hosts && bundles.map((each) => hosts.get(each)!);
}

describe("bundles", () => {
  test("pack: one worker for all if there is one, else as few as it can", () => {
    expect(planned("pack", [1, 1, 1], { small: 1, big: 3 })).toEqual(["big", "big", "big"]);
    expect(planned("pack", [1, 1, 2], { a: 1, b: 3 })).toEqual(["b", "a", "b"]);
  });

  test("the largest is placed first, so that small ones do not take its only place", () => {
    expect(planned("pack", [1, 3], { b: 3, a: 1 })).toEqual(["a", "b"]);
  });

  test("strictPack: one worker or none", () => {
    expect(planned("strictPack", [1, 1], { a: 1, b: 2 })).toEqual(["b", "b"]);
    expect(planned("strictPack", [1, 1], { a: 1, b: 1 })).toBeUndefined();
  });

  test("spread: different workers as far as there are", () => {
    expect(planned("spread", [1, 1, 1], { a: 3, b: 3 })).toEqual(["a", "b", "a"]);
  });

  test("strictSpread: different workers or none, those in use counted", () => {
    expect(planned("strictSpread", [1, 1], { a: 2, b: 2 })).toEqual(["a", "b"]);
    expect(planned("strictSpread", [1, 1, 1], { a: 2, b: 2 })).toBeUndefined();
    expect(planned("strictSpread", [1], { a: 2, b: 2 }, ["a"])).toEqual(["b"]);
  });

  test("if there is no place for one of them, there is none for any", () => {
    expect(planned("pack", [1, 4], { a: 2, b: 2 })).toBeUndefined();
    expect(planned("spread", [2, 2, 2], { a: 2, b: 2 })).toBeUndefined();
  });
});
