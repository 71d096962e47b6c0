import { expect, test } from "vitest";
import type { ObjectId } from "../ids.ts";
import { StorePlan } from "./store-plan.ts";

/** Who gets room first when there is not enough for all. */
const BYTES_MAX = 100;

/** A store that is full until `letGo`; names of those who got room, in that order. */
function fullStore() {
  const plan = new StorePlan({ bytesMax: BYTES_MAX, diskBytesMax: 0 });
  const full = plan.reserve({ object: "x.full" as ObjectId, sizeBytes: BYTES_MAX }, true, 0);
  plan.takeEffects();
  const served: string[] = [];
  const serve = () => {
    for (const effect of plan.takeEffects()) {
      if (effect.type === "grant") served.push(effect.object);
    }
  };
  return {
    served,
    /** Asks for all the room there is. */
    ask(name: string, priority: number) {
      const wanted = { object: `x.${name}` as ObjectId, sizeBytes: BYTES_MAX, priority };
      const request = plan.reserve(wanted, false, 0);
      serve();
      return () => {
        plan.giveUp(request);
        serve();
      };
    },
    letGo() {
      plan.giveUp(full);
      serve();
    },
  };
}

test("what somebody waits for gets room before what tasks need, and that before what is to be kept", () => {
  const store = fullStore();
  const requests = new Map(
    [
      ["copy", 2],
      ["argument", 1],
      ["value", 0],
      ["other value", 0],
    ].map(([name, priority]) => [`x.${name}`, store.ask(name as string, priority as number)]),
  );
  store.letGo();
  for (let turn = 0; turn < 3; turn++) requests.get(store.served.at(-1)!)!();
  expect(store.served).toEqual(["x.value", "x.other value", "x.argument", "x.copy"]);
});

test("somebody who asks for an object that is in line already makes it as urgent as that", () => {
  const store = fullStore();
  store.ask("copy", 2);
  store.ask("argument", 1);
  store.ask("copy", 0);
  store.letGo();
  expect(store.served[0]).toBe("x.copy");
});

test("the least urgent one is not starved by those that keep coming", () => {
  const store = fullStore();
  store.ask("copy", 2);
  const requests = Array.from({ length: 300 }, (_, n) => [`x.${n}`, store.ask(`${n}`, 0)] as const);
  const byName = new Map<string, () => void>(requests);
  store.letGo();
  while (store.served.at(-1) !== "x.copy") byName.get(store.served.at(-1)!)!();
  expect(store.served.length).toBeLessThan(150);
});
