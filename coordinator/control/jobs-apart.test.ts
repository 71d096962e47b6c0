import { expect, test } from "vitest";
import type { ActorId, GroupId, TaskId } from "../../shared/ids.ts";
import { meshOf, ONE_CPU, type TestPlane } from "./test-plane.ts";

const ofD = "d.1" as TaskId;
const ofX = "x.1" as TaskId;

/** Worker w1 runs a task of job d, which has submitted one to w2, and a task of job x. */
function shared(): TestPlane {
  const mesh = meshOf();
  mesh.worker("w1", { ...ONE_CPU, cpuMilli: 2_000 });
  mesh.driver("x");
  mesh.define("x.f");
  mesh.submit(ofD);
  mesh.submit(ofX, "x.f");
  mesh.worker("w2");
  mesh.define("w1.0x0", {
    parent: ofD,
    kind: "actor-class",
    actor: { restartsMax: 0, methods: [] },
  });
  mesh.submit("w1.0x1", "w1.0x0", { parent: ofD });
  mesh.sent();
  return mesh;
}

test("a worker does not end for one job what it has submitted for another", () => {
  const mesh = shared();
  const task = "w1.0x1" as TaskId;
  const actor = "w1.0x1" as ActorId;
  for (const message of [
    { type: "cancel-task", task },
    { type: "end-actor", actor },
  ] as const) {
    expect(() => mesh.receive("w1", { ...message, parent: ofX })).toThrow(/another job/);
    expect(mesh.sent()).toEqual([]);
  }
  mesh.receive("w1", { type: "cancel-task", task, parent: ofD });
  expect(mesh.sentInShort()).toContain("cancel-run w2");
});

test("nobody defines what runs in a placement group of another job, not even before it is made", () => {
  const mesh = meshOf("w1");
  mesh.driver("x");
  const strategy = { group: "d.g" as GroupId };
  expect(() => mesh.define("x.f", { strategy })).toThrow(/d\.g of another job/);
  mesh.define("d.h", { strategy });
  expect(mesh.plane.callables.has("d.h" as never)).toBe(true);
});
