import { expect, test } from "vitest";
import type { ActorId, CallableId, TaskId } from "../../shared/ids.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

const parent = "d.1" as TaskId;

/** A mesh where worker w1 runs d.1, and w2 has room. */
function running(): TestPlane {
  const mesh = meshOf("w1");
  mesh.submit("d.1");
  mesh.worker("w2");
  mesh.sent();
  return mesh;
}

test("a task submits in its job: with its driver's callables, heard of by its worker", () => {
  const mesh = running();
  mesh.submit("w1.0x0", "d.f", { parent });
  expect(mesh.sentInShort()).toEqual(["define w2", "run w2"]);
  mesh.done("w2", "w1.0x0");
  expect(mesh.sentInShort()).toEqual(["object-located w1"]);
});

test("what it defines again is the callable that the job has already", () => {
  const mesh = running();
  mesh.define("w1.0x1", { parent });
  mesh.define("w1.0x2", { parent, name: "other" });
  mesh.submit("w1.0x3", "w1.0x1", { parent });
  mesh.submit("w1.0x4", "w1.0x2", { parent });
  const callables = mesh
    .sent()
    .flatMap(([, message]) => (message.type === "define" ? [message.callable] : []));
  expect(callables).toEqual(["d.f"]);
  expect(mesh.plane.callables.has("w1.0x1" as CallableId)).toBe(false);
  expect(mesh.plane.callables.has("w1.0x2" as CallableId)).toBe(true);
});

test("a worker acts for no task that it does not run", () => {
  const mesh = running();
  mesh.submit("w2.0x0", "d.f", { parent });
  expect(mesh.located("w2")).toEqual(["w2.0x0 TASK_CANCELLED"]);
  expect(() => mesh.submit("w2.0x1", "d.f")).toThrow(/named none/);
});

test("a worker acts in no other job", () => {
  const mesh = running();
  mesh.driver("e");
  mesh.define("e.f");
  mesh.submit("w1.0x0", "e.f", { parent });
  expect(mesh.located("w1")).toEqual(["w1.0x0 NOT_FOUND"]);
  mesh.submit("e.1", "e.f");
  const task = "e.1" as TaskId;
  expect(() => mesh.receive("w1", { type: "cancel-task", task, parent })).toThrow(/another job/);
});

test("a task cancels what its job has submitted", () => {
  const mesh = running();
  mesh.submit("d.2");
  mesh.sent();
  mesh.receive("w1", { type: "cancel-task", task: "d.2" as TaskId, parent });
  expect(mesh.sentInShort()).toContain("cancel-run w2");
});

test("with the driver go the tasks that its tasks have submitted, and what they defined", () => {
  const mesh = running();
  mesh.define("w1.0x1", { parent, name: "other" });
  mesh.submit("w1.0x2", "w1.0x1", { parent });
  mesh.leave("d");
  expect(mesh.sentInShort()).toContain("cancel-run w2");
  expect(mesh.plane.callables.size).toBe(0);
  expect(mesh.plane.nested.size).toBe(0);
});

test("an actor that a task created outlives that task and its worker", () => {
  const mesh = running();
  const actor = "w1.0x1" as ActorId;
  mesh.define("w1.0x0", {
    parent,
    kind: "actor-class",
    actor: { restartsMax: 0, methods: [] },
  });
  mesh.submit(actor, "w1.0x0", { parent });
  mesh.done("w2", actor);
  mesh.done("w1", parent);
  mesh.leave("w1");
  expect(mesh.plane.actors.workerOf(actor)).toBe("w2");
});

test("what a task has submitted survives the worker that did so", () => {
  const mesh = running();
  mesh.submit("w1.0x0", "d.f", { parent });
  mesh.hold("d", "w1.0x0");
  mesh.leave("w1");
  mesh.sent();
  mesh.locate("d", "w1.0x0");
  mesh.done("w2", "w1.0x0");
  expect(mesh.located("d")).toContain("w1.0x0 inline");
});

test("who cancels is told whether there was something to cancel, and who may not, that too", () => {
  const mesh = running();
  const task = "d.2" as TaskId;
  const answers = () =>
    mesh.sent().flatMap(([, message]) => (message.type === "answer" ? [message] : []));
  mesh.submit("d.2");
  mesh.receive("w1", { type: "cancel-task", task, parent, request: 1, isRecursive: true });
  mesh.receive("d", { type: "cancel-task", task, request: 2 });
  mesh.driver("e");
  mesh.receive("e", { type: "cancel-task", task: parent, request: 3 });
  expect(answers()).toMatchObject([
    { request: 1, isCancelled: true },
    { request: 2, isCancelled: false },
    { request: 3, error: { code: "FORBIDDEN" } },
  ]);
});
