import { expect, test } from "vitest";
import { toActorPlan } from "./actor-class-options.ts";

class Store {
  static methods = { read: { retriesMax: 1, concurrencyGroup: "io" }, write: { retriesMax: 2 } };
}
const shipped = { methods: ["read", "write"] };

test("what options say of a method counts before what its class says", () => {
  const { actor } = toActorPlan(Store, shipped, { methods: { read: { retriesMax: 5 } } });
  expect(actor.methods).toEqual([
    { name: "read", group: "io", retriesMax: 5 },
    { name: "write", retriesMax: 2 },
  ]);
});

test("getIfExists goes by a name, and so does a namespace", () => {
  expect(() => toActorPlan(Store, shipped, { getIfExists: true })).toThrow(
    "option getIfExists goes by the name: give one",
  );
  expect(() => toActorPlan(Store, shipped, { namespace: "n" })).toThrow(
    "option namespace says where a name counts: give a name",
  );
  expect(toActorPlan(Store, shipped, { name: "db", getIfExists: true }).naming).toEqual({
    named: { name: "db" },
    getIfExists: true,
  });
});
