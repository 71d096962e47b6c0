import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import { isRetried } from "./retry-on.ts";

const compile = (source: string) =>
  new Function(`return (${source})`)() as (thrown: unknown) => unknown;
const says = (on: Parameters<typeof isRetried>[0], thrown: unknown) =>
  isRetried(on, thrown, compile);

class HttpError extends Error {
  readonly status = 503;
}

test("names are those of errors, of their classes, and codes", () => {
  const coded = Object.assign(new Error("no"), { code: "ECONNRESET" });
  expect(says({ names: ["TypeError"] }, new TypeError("no"))).toBe(true);
  expect(says({ names: ["HttpError"] }, new HttpError("no"))).toBe(true);
  expect(says({ names: ["Error"] }, new HttpError("no"))).toBe(true);
  expect(says({ names: ["ECONNRESET"] }, coded)).toBe(true);
  expect(says({ names: ["STORE_FULL"] }, new MeshError("STORE_FULL", "no"))).toBe(true);
  expect(says({ names: ["RangeError"] }, new TypeError("no"))).toBe(false);
});

test("a task's failure is known by what its code threw", () => {
  const failed = new MeshError("TASK_FAILED", "it threw", {}, { cause: new RangeError("far") });
  expect(says({ names: ["RangeError"] }, failed)).toBe(true);
  expect(says({ names: ["TASK_FAILED"] }, failed)).toBe(true);
});

test("a function decides with true, and its own failure is told", () => {
  const predicate = "(error) => error.status === 503";
  expect(says({ predicate }, new HttpError("no"))).toBe(true);
  expect(says({ predicate }, new Error("no"))).toBe(false);
  expect(says({ predicate }, undefined)).toMatch(/its retryOn threw TypeError/);
  expect(says({ predicate: "() => 1" }, 1)).toBe(false);
});

test("anything can be thrown, also what cannot be looked at", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const trap = Object.defineProperty({}, "name", {
    get() {
      throw new Error("hands off");
    },
  });
  for (const thrown of [proxy, trap, null, undefined, "text", Object.create(null)]) {
    expect(says({ names: ["Error"] }, thrown)).toBe(false);
    expect(says({}, thrown)).toBe(true);
  }
});
