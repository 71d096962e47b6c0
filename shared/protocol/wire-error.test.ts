import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import { wireError } from "./schema.ts";
import { boundedError, describe, toWireError } from "./wire-error.ts";

const check = Compile(wireError);
const long = "x".repeat(20_000);

const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error("no getter for you");
    },
    has: () => true,
  },
);

test.each([
  ["an error of ours", new MeshError("TIMEOUT", "late", { tries: 3 }, { cause: new Error("why") })],
  ["one that is too long everywhere", longError()],
  ["one whose code is unknown", { name: "MeshError", code: "NO_SUCH_CODE", message: "odd" }],
  [
    "one whose code cannot be read",
    {
      name: "MeshError",
      get code() {
        throw throwing;
      },
    },
  ],
  ["one with details that no message carries", odd()],
  ["an object without a string", Object.create(null)],
  ["an object whose every getter throws", throwing],
  ["a symbol", Symbol("thrown")],
  ["nothing", undefined],
])("%s becomes a wire error that fits its schema", (_, thrown) => {
  expect(check.Check(toWireError(thrown))).toBe(true);
  expect(check.Check({ code: "TASK_FAILED", message: "", cause: describe(thrown) })).toBe(true);
});

test("an error that fits stays as it is, one with a prefix too much is cut at its end", () => {
  const fits = toWireError(new MeshError("TIMEOUT", "late", { tries: 3, peer: "n1" }));
  expect(boundedError(fits)).toEqual(fits);
  const cut = boundedError({ code: "TASK_FAILED", message: `it threw: ${long}` });
  expect(check.Check(cut)).toBe(true);
  expect(cut.message).toMatch(/^it threw: x+…$/);
});

function longError(): MeshError {
  const cause = Object.assign(new Error(long), { name: long, stack: long });
  const details = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key${i}`, long]));
  return new MeshError("INTERNAL", long, details, { cause });
}

function odd(): MeshError {
  const details = { "": 1, [long]: 1, none: Number.NaN, nested: { deep: 1 } as never, kept: "yes" };
  return new MeshError("INTERNAL", "odd", details);
}
