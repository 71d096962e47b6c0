import { expect, test } from "vitest";
import type { ActorId, CallableId, GroupId, TaskId } from "../../shared/ids.ts";
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

test("what was not defined in the job that submits it fails where somebody waits for it", () => {
  const mesh = shared();
  mesh.submit("w1.0x2", "w1.0x9", { parent: ofD });
  expect(mesh.located("w1")).toEqual(["w1.0x2 NOT_FOUND"]);
  expect(() => mesh.submit("d.2", "d.9")).toThrow(/not defined in this job/);
});

test("a detached class that is gone is defined anew, by whichever task wants it", () => {
  const mesh = shared();
  const actor = { restartsMax: 0, methods: [], isDetached: true };
  const define = (callable: string) =>
    mesh.define(callable, { parent: ofD, kind: "actor-class", name: "Shared", actor });
  mesh.worker("w3");
  mesh.define("d.g", { demands: { ...ONE_CPU, cpuMilli: 500 } });
  mesh.submit("d.2", "d.g");
  const worker = mesh.plane.scheduler.tasks.get("d.2" as TaskId)!.worker!.id;
  mesh.define(`${worker}.0x1`, {
    parent: "d.2" as TaskId,
    kind: "actor-class",
    name: "Shared",
    actor,
  });
  define("w1.0x7");
  const { callables } = mesh.plane;
  expect(callables.has("w1.0x7" as CallableId)).toBe(false);
  mesh.leave(worker);
  define("w1.0x8");
  expect(callables.has("w1.0x8" as CallableId)).toBe(true);
  define("w1.0x7");
  mesh.submit("w1.0x9", "w1.0x7", { parent: ofD });
  expect(mesh.located("w1")).toEqual([]);
});
