import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { PeerId } from "../ids.ts";
import type { ExecutorHandle, ExecutorListener } from "./executor-api.ts";
import { ExecutorCrew } from "./executor-crew.ts";
import { HeldRefs } from "./held-refs.ts";
import type { Outcome } from "./machine/types.ts";

test("an executor answers what it was given, once, and nothing that others were given", () => {
  const owed = new Set(["k1", "k2"]);
  const finished: string[] = [];
  const waiting: (() => void)[] = [];
  let listener!: ExecutorListener;
  const crew = new ExecutorCrew({
    spawner: {
      spawn(given) {
        listener = given;
        return { identify() {}, stop() {} } as unknown as ExecutorHandle;
      },
    },
    held: new HeldRefs(() => {}),
    clock: systemClock,
    self: "w" as PeerId,
    owes: (executor, key) => executor === "e0" && owed.has(key),
    // There is no room for the first.
    admit(outcome, deliver) {
      if (outcome.key === "k1") waiting.push(() => deliver(outcome));
      else deliver(outcome);
    },
    giveItem() {},
    dispatch(stimulus) {
      if (stimulus.type !== "order-finished") return;
      owed.delete(stimulus.outcome.key);
      finished.push(stimulus.outcome.key);
    },
    fetch: () => Promise.reject(new Error("nothing to fetch")),
    onBackendChosen() {},
    onNested() {},
    onReleased() {},
    onEnded() {},
    onWaiting() {},
  });
  crew.spawn("e0");
  const say = (...keys: string[]) =>
    listener.onOutcomes(keys.map((key): Outcome => ({ key, ranForMs: 0 })));
  say("k1", "of-another", "k1", "k2", "k2");
  expect(finished).toEqual(["k2"]);
  expect(waiting).toHaveLength(1);
  waiting[0]!();
  say("k1");
  expect(finished).toEqual(["k2", "k1"]);
});
