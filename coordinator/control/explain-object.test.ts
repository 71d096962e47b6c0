import { expect, test } from "vitest";
import type { ActorId, ObjectId } from "../../shared/ids.ts";
import type { Explanation } from "../../shared/protocol/explanation.ts";
import { coordinatorMessages, type CoordinatorMessage } from "../../shared/protocol/messages.ts";
import { describeMesh } from "./queries.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

/** What `explain` says of it. */
function explained(mesh: TestPlane, object: string): Explanation {
  mesh.sent();
  mesh.receive("d", { type: "query", request: 1, what: "explain", object: object as ObjectId });
  const [answer] = mesh.sent();
  const message = answer![1];
  expect(coordinatorMessages.accepts(message), coordinatorMessages.complaint(message)).toBe(true);
  return (message as Extract<CoordinatorMessage, { type: "answer" }>).explanation!;
}

test("explain tells the story of a task with times, also after its end", () => {
  const mesh = meshOf("w1");
  mesh.put("d", "d.9", { inline: false });
  mesh.receive("d", { type: "promise-object", object: "d.8" as ObjectId });
  mesh.submit("d.1", "d.f", { dependencies: ["d.8", "d.9"] as ObjectId[] });
  expect(explained(mesh, "d.1")).toMatchObject({
    state: "waiting",
    reason: { code: "waits-for-objects", objects: [{ object: "d.8" }], total: 1 },
    story: [{ agoMs: 0, what: "submitted" }],
  });
  mesh.nowMs = 100;
  mesh.put("d", "d.8");
  mesh.nowMs = 150;
  expect(explained(mesh, "d.1")).toMatchObject({
    state: "running",
    reason: { code: "fetching-arguments", objects: [{ object: "d.9", sizeBytes: 3 }], total: 1 },
  });
  mesh.receive("w1", { type: "copy-added", object: "d.9" as ObjectId });
  expect(explained(mesh, "d.1")).toMatchObject({
    reason: { code: "running", worker: "w1", sinceMs: 50 },
    story: [
      { agoMs: 150, what: "submitted" },
      { agoMs: 50, what: "its arguments were there" },
      { agoMs: 50, what: "given to w1" },
    ],
  });
  mesh.done("w1", "d.1");
  mesh.nowMs = 400;
  expect(explained(mesh, "d.1")).toMatchObject({
    state: "done",
    reason: { code: "ended", how: "done", worker: "w1", attempts: 1 },
    story: [
      { agoMs: 400, what: "submitted" },
      { agoMs: 300, what: "its arguments were there" },
      { agoMs: 250, what: "done on w1" },
    ],
  });
});

test("explain tells of objects: promised, there, failed, freed", () => {
  const mesh = meshOf("w1");
  mesh.receive("d", { type: "promise-object", object: "d.1" as ObjectId });
  expect(explained(mesh, "d.1").reason).toEqual({ code: "promised", by: "d" });
  mesh.put("d", "d.1", { inline: false });
  expect(explained(mesh, "d.1")).toMatchObject({
    state: "done",
    keepers: ["d"],
    reason: { code: "there", sizeBytes: 3, keepers: ["d"], copiesWanted: 1, copiesCached: 0 },
  });
  mesh.receive("d", { type: "copy-lost", object: "d.1" as ObjectId });
  expect(explained(mesh, "d.1")).toMatchObject({ state: "failed", reason: { code: "ended" } });
  expect(explained(mesh, "d.2")).toMatchObject({ state: "freed", reason: { code: "freed" } });
});

test("an actor is listed once while it lives, and as what it came to when it was killed", () => {
  const mesh = meshOf("w1");
  mesh.define("d.A", { kind: "actor-class", name: "A", actor: { restartsMax: 0, methods: [] } });
  mesh.submit("d.1", "d.A");
  mesh.done("w1", "d.1");
  const listed = () => describeMesh(mesh.plane).tasks.map(({ task, state }) => `${task} ${state}`);
  expect(listed()).toEqual(["d.1 alive"]);
  mesh.receive("d", { type: "end-actor", actor: "d.1" as ActorId });
  expect(listed()).toEqual(["d.1 cancelled"]);
  expect(explained(mesh, "d.1")).toMatchObject({
    state: "cancelled",
    reason: { how: "cancelled" },
  });
});
