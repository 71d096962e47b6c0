import { expect, test } from "vitest";
import { toActorPlan } from "./actor-class-options.ts";
import { toConstraints, type CallableOptions } from "./options.ts";

test("what is not given has its default; amounts travel in thousandths", () => {
  expect(toConstraints("function", "f", { cpus: 0.5 })).toEqual({
    name: "f",
    demands: { cpuMilli: 500, gpuMilli: 0, memoryBytes: 0 },
    retriesMax: 3,
    priority: 0,
  });
  expect(toConstraints("actor-class", "", {})).toMatchObject({
    name: "anonymous",
    demands: { cpuMilli: 0 },
  });
});

test.each<[object, string]>([
  [{ cpu: 1 }, "mesh.remote() has no option cpu. Did you mean cpus?"],
  [{ timeout: 1 }, "Did you mean timeoutMs?"],
  [{ cpus: "2" }, "option cpus must be a number of 0 or more, not a text"],
  [{ cpus: 0.0004 }, "option cpus must be at least 0.001, not 0.0004"],
  [{ cpus: Number.NaN }, "option cpus must be a number of 0 or more, not NaN"],
  [{ memory: "8GiB" }, "option memory must be an integer from 0 to"],
  [{ resources: 3 }, "option resources must be an object"],
  [{ resources: { licence: "1" } }, "option resources.licence must be a number"],
  [{ resources: { CPU: 1 } }, "option resources.CPU is no custom resource: use the option cpus"],
  [{ resources: { gpu: 1 } }, "use the option gpus"],
  [{ retriesMax: -2 }, "option retriesMax must be an integer from -1 to 1000, not -2"],
  [{ name: 3 }, "option name must be a text, not 3"],
  [{ timeoutMs: "300" }, "option timeoutMs must be a positive number of milliseconds"],
  [{ timeoutMs: 0 }, "option timeoutMs must be a positive number of milliseconds, not 0"],
  [{ retriesMax: 1.5 }, "option retriesMax must be an integer"],
])("%j is refused, by name", (options, message) => {
  expect(() => toConstraints("function", "f", options as CallableOptions)).toThrow(message);
});

test.each([-1, Number.POSITIVE_INFINITY])("retriesMax: %s is without end", (retriesMax) => {
  expect(toConstraints("function", "f", { retriesMax })).toMatchObject({ retriesMax: -1 });
});

test("an option of tasks alone is refused for actors, and not ignored", () => {
  const options = { timeoutMs: 300 } as object;
  expect(() => toActorPlan(class A {}, { methods: [] }, options)).toThrow(
    "mesh.actor() has no option timeoutMs",
  );
});
