import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

test.each([
  ["tokne", ["url", "token", "name"], "token"],
  ["prot", ["port", "host", "workers"], "port"],
  ["worker", ["workers", "cpus"], "workers"],
  ["cpu", ["cpus", "gpus"], "cpus"],
  ["time", ["timeoutMs", "name"], "timeoutMs"],
  ["TOKEN", ["token"], "token"],
])("%s is a slip of %j: %s", (given, known, meant) => {
  expect(nearestName(given, known)).toBe(meant);
});

test("what is like nothing known gets no guess", () => {
  expect(nearestName("colour", ["port", "host", "workers"])).toBeUndefined();
  expect(nearestName("x", ["cpus"])).toBeUndefined();
});
