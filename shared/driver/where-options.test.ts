import { describe, expect, test } from "vitest";
import { toWhere, type WhereOptions } from "./where-options.ts";

describe("where tasks may run", () => {
  test("structured wishes are the same as texts", () => {
    const labels = {
      a: { in: ["x", "y"] },
      b: { notIn: ["x", "y"] },
      c: { not: "x" },
      d: "in(x,y)",
    };
    expect(toWhere({ labels })).toEqual({
      labels: { a: "in(x,y)", b: "!in(x,y)", c: "!x", d: "in(x,y)" },
    });
  });

  test("fallbacks and strategies travel in short words, the default does not travel", () => {
    expect(toWhere({ fallback: [{ labels: { zone: "eu" } }], strategy: "default" })).toEqual({
      fallback: [{ zone: "eu" }],
    });
    expect(toWhere({ strategy: "spread" })).toEqual({ strategy: "spread" });
    expect(toWhere({ strategy: { affinity: "w1" } })).toEqual({
      strategy: { worker: "w1", isSoft: false },
    });
    expect(toWhere({ strategy: { affinity: "w1", soft: true } })).toEqual({
      strategy: { worker: "w1", isSoft: true },
    });
    const group = { id: "d.1", size: 2 };
    expect(toWhere({ strategy: { group } })).toEqual({ strategy: { group: "d.1" } });
    expect(toWhere({ strategy: { group, bundle: 1 } })).toEqual({
      strategy: { group: "d.1", bundle: 1 },
    });
  });

  test.each([
    [{ labels: { zone: "in(eu" } }, 'labels.zone is no label selector: "in(eu"'],
    [{ labels: { zone: "" } }, "labels.zone is no label selector"],
    [{ labels: { zone: 3 } }, "labels.zone must be a text"],
    [{ labels: { zone: { in: [] } } }, 'labels.zone is no label selector: "in()"'],
    [{ labels: { zone: { in: ["a,b"] } } }, "labels.zone must be a text"],
    [{ labels: { zone: "x".repeat(2_000) } }, "labels.zone is over 1024 characters"],
    [{ labels: ["eu"] }, "labels must be an object"],
    [{ fallback: { labels: {} } }, "fallback must be an array of at most 8"],
    [{ fallback: [{ label: {} }] }, "fallback[0] must be { labels }"],
    [{ fallback: [{ labels: { zone: "!" } }] }, "fallback[0].labels.zone is no label selector"],
    [{ strategy: "sprad" }, 'strategy must be "default", "spread", { affinity'],
    [{ strategy: { group: "d.1" } }, "must be { group, bundle? } with what mesh.placementGroup()"],
    [{ strategy: { group: { id: "d.1", size: 2 }, bundle: 2 } }, "bundle must be from 0 to 1"],
    [{ strategy: { affinity: "" } }, "strategy must be"],
    [{ strategy: { affinity: "w", hard: true } }, "strategy must be"],
  ])("%j is refused by name", (options, complaint) => {
    expect(() => toWhere(options as unknown as WhereOptions)).toThrow(complaint);
  });
});
