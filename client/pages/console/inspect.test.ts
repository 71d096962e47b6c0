import { expect, test } from "vitest";
import { MeshError } from "../../../shared/errors.ts";
import { inspect, inspectError, inspectLine } from "./inspect.ts";

test("strings are printed as they are, and quoted inside values", () => {
  expect(inspectLine(["sum", 3, ["a"]])).toBe('sum 3 [ "a" ]');
});

test("values look as they are written", () => {
  const point = new (class Point {
    x = 1;
    "y-z" = -0;
  })();
  expect(inspect(point)).toBe('Point { x: 1, "y-z": -0 }');
  expect(inspect(new Map([[1, new Set(["a"])]]))).toBe('Map(1) { 1 => Set(1) { "a" } }');
  expect(inspect(new Float32Array([0.5, 2]))).toBe("Float32Array(2) [ 0.5, 2 ]");
  expect(inspect([10n, null, undefined, Symbol("s"), /a/g, new Date(0), () => 1])).toContain("10n");
});

test("a long list is cut, and says by how much", () => {
  expect(inspect(new Uint8Array(60))).toMatch(/… 10 more\n\]$/);
});

test("a value that contains itself ends", () => {
  const ring: Record<string, unknown> = {};
  ring["self"] = ring;
  expect(inspect(ring)).toBe("{ self: [circular] }");
});

test("a getter that throws does not take the line with it", () => {
  const trap = {
    get value() {
      throw new Error("no");
    },
  };
  expect(inspect(trap)).toBe("{ value: [throws no] }");
});

test("a mesh error shows its code, its details, and the remote cause, each with its own frames", () => {
  const cause = new TypeError("x is not a number");
  cause.stack = "TypeError: x is not a number\n    at square (driver.js:3:9)";
  const error = new MeshError("TASK_FAILED", "square failed", { attempts: 1 }, { cause });
  error.stack =
    "MeshError: square failed\n    at #a (http://h/manta.js:14:52)\n    at driver.js:7:1";
  expect(inspectError(error)).toBe(
    [
      "MeshError TASK_FAILED: square failed",
      "  details { attempts: 1 }",
      "  at driver.js:7:1",
      "caused by TypeError: x is not a number",
      "  at square (driver.js:3:9)",
    ].join("\n"),
  );
});

test("errors that cause each other end", () => {
  const error = new Error("a");
  error.cause = error;
  expect(inspectError(error).match(/Error: a/g)).toHaveLength(8);
});

test("whatever is thrown can be shown", () => {
  expect(inspectError("just a string")).toBe("Error: just a string");
  expect(inspectError({ a: 1 })).toBe('Error: {"a":1}');
});
