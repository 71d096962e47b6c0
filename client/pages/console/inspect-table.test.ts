import { expect, test } from "vitest";
import { inspectTable } from "./inspect-table.ts";

test("a table has a row per entry and a column per property of any of them", () => {
  const table = inspectTable([
    { name: "a", done: 3 },
    { name: "b", failed: [1, 2] },
  ]);
  expect(table.split("\n")).toEqual([
    "(index) │ name │ done │ failed",
    "────────┼──────┼──────┼─────────",
    '0       │ "a"  │ 3    │',
    '1       │ "b"  │      │ [ 1, 2 ]',
  ]);
});

test("values that are no objects have a column of their own; columns can be chosen", () => {
  expect(inspectTable(new Map([["k", 1]])).split("\n")).toEqual([
    "(index) │ value",
    "────────┼──────",
    '"k"     │ 1',
  ]);
  expect(inspectTable([{ a: 1, b: 2 }], ["b"])).not.toMatch(/│ a\b/);
  expect(inspectTable(5)).toBe("5");
});
