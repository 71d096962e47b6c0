import { expect, test } from "vitest";
import type { ActorId, ObjectId } from "../../shared/ids.ts";
import type { ActorOptions } from "../../shared/protocol/actor-options.ts";
import type { CoordinatorMessage, Submit } from "../../shared/protocol/messages.ts";
import { meshOf, ONE_CPU, type TestPlane } from "./test-plane.ts";

/** How actors are lost, live again, keep their state and their names: rules A1 to A3. */

const actor = "d.1" as ActorId;

/** One driver and the actor `d.1`, alive on the first of two workers. */
function living(options: Partial<ActorOptions>, more: Partial<Submit> = {}): TestPlane {
  const mesh = meshOf("w1", "w2");
  mesh.define("d.A", {
    kind: "actor-class",
    name: "A",
    actor: { restartsMax: 0, methods: [{ name: "add" }], ...options },
  });
  mesh.submit("d.1", "d.A", more);
  mesh.done("w1", "d.1");
  mesh.receive("d", { type: "locate-actor", actor });
  mesh.sent();
  return mesh;
}

type Told = Extract<CoordinatorMessage, { type: "actor-located" }>;

/** What the driver was told of the actor: `"w2 life 1"`, `"ACTOR_DIED"`. */
const told = (mesh: TestPlane): string[] =>
  mesh
    .sent()
    .flatMap(([to, message]): Told[] =>
      to === "d" && message.type === "actor-located" ? [message] : [],
    )
    .map(({ worker, life, error }) => error?.code ?? `${worker} life ${life}`);

const runs = (mesh: TestPlane) =>
  mesh.sent().flatMap(([to, message]) => (message.type === "run" ? [{ to, ...message }] : []));

const save = (mesh: TestPlane, object: string, more = {}): void => {
  mesh.put("w1", object);
  const saved = { actor, life: 0, object: object as ObjectId };
  mesh.receive("w1", { type: "actor-saved", ...saved, ...more });
  mesh.release("w1", object);
  mesh.sent();
};

test("[A1] an actor whose worker vanished is constructed on another, with its arguments", () => {
  const mesh = living({ restartsMax: 1 });
  mesh.leave("w1");
  expect(runs(mesh)).toMatchObject([{ to: "w2", task: "d.1", attempt: 1 }]);
  mesh.done("w2", "d.1", { attempt: 1 });
  expect(told(mesh)).toEqual(["w2 life 1"]);
  mesh.leave("w2");
  const [, message] = mesh.sent().find(([, { type }]) => type === "actor-located")!;
  expect(message).toMatchObject({
    error: { code: "ACTOR_DIED", message: expect.stringContaining("after 1 of 1 restarts") },
  });
  expect(mesh.plane.submissions.payloads.size).toBe(0);
});

test("[A1] an executor's crash is a loss, but word of an earlier life is not", () => {
  const mesh = living({ restartsMax: -1 });
  const error = { code: "ACTOR_DIED", message: "its executor crashed" } as const;
  mesh.receive("w1", { type: "actor-ended", actor, life: 0, error });
  const [again] = runs(mesh);
  mesh.done(again!.to, "d.1", { attempt: 1 });
  mesh.receive(again!.to, { type: "actor-ended", actor, life: 0, error });
  expect(runs(mesh)).toEqual([]);
  expect(mesh.plane.actors.workerOf(actor)).toBe(again!.to);
});

test("[A2] an actor that has handed its state over moves without a restart, and is restored", () => {
  const mesh = living({ savesState: true });
  save(mesh, "w1.s", { isHandOver: true });
  mesh.receive("w1", { type: "leaving", reason: "a person pressed Stop" });
  const [again] = runs(mesh);
  expect(again).toMatchObject({ to: "w2", restores: true, attempt: 1 });
  expect(again!.dependencies).toMatchObject([{ object: "w1.s" }]);
  mesh.done("w2", "d.1", { attempt: 1 });
  expect(mesh.plane.scheduler.tasks.get("d.1" as never)).toMatchObject({ restarts: 0 });
});

test("[A2] an actor that could not give its state in time is not begun anew behind its user's back", () => {
  const mesh = living({ savesState: true });
  save(mesh, "w1.s");
  mesh.receive("w1", { type: "leaving", reason: "a person pressed Stop" });
  expect(told(mesh)).toEqual(["ACTOR_DIED"]);
});

test("[A3] who ends an actor ends it for good; with restart, only this life", () => {
  const mesh = living({ restartsMax: 5 });
  mesh.receive("d", { type: "end-actor", actor, restart: true });
  const [again] = runs(mesh);
  mesh.done(again!.to, "d.1", { attempt: 1 });
  mesh.sent();
  mesh.receive("d", { type: "end-actor", actor });
  expect(told(mesh)).toEqual(["ACTOR_DIED"]);
  expect(runs(mesh)).toEqual([]);
});

test("an actor ends with its driver, however many restarts it has left", () => {
  const mesh = living({ restartsMax: -1 });
  mesh.leave("d");
  const sent = mesh.sentInShort();
  expect(sent).toContain("stop-actor w1");
  expect(sent.filter((each) => each.startsWith("run"))).toEqual([]);
  expect(mesh.plane.scheduler.tasks.size).toBe(0);
});

test("[A3] an actor that ends itself is not restarted", () => {
  const mesh = living({ restartsMax: 5 });
  const error = { code: "ACTOR_DIED", message: "it ended itself" } as const;
  mesh.receive("w1", { type: "actor-ended", actor, life: 0, error, isFinal: true });
  expect(told(mesh)).toEqual(["ACTOR_DIED"]);
});

test("the newest saved state is kept, and the one before as long as the newest may be lost", () => {
  const mesh = living({ savesState: true, restartsMax: 1 });
  const kept = () => [...mesh.plane.submissions.states].flatMap(([, objects]) => objects);
  save(mesh, "w1.a");
  save(mesh, "w1.b");
  expect(kept(), "a small one cannot be lost").toEqual(["w1.b"]);
  expect(mesh.plane.directory.objects.has("w1.a" as ObjectId)).toBe(false);
  mesh.put("w1", "w1.c", { inline: false });
  mesh.receive("w1", { type: "actor-saved", actor, life: 0, object: "w1.c" as ObjectId });
  expect(kept()).toEqual(["w1.c", "w1.b"]);
  mesh.leave("w1");
  expect(runs(mesh)[0]!.dependencies).toMatchObject([{ object: "w1.b" }]);
});

test("a state of an earlier life, or from another worker, is not believed", () => {
  const mesh = living({ savesState: true, restartsMax: 1 });
  mesh.put("w2", "w2.a");
  mesh.receive("w2", { type: "actor-saved", actor, life: 0, object: "w2.a" as ObjectId });
  save(mesh, "w1.a", { life: 3 });
  expect(mesh.plane.submissions.states.size).toBe(0);
});

test("a name is unique in its namespace as long as its actor lives", () => {
  const mesh = living({}, { named: { name: "db" } });
  mesh.submit("d.2", "d.A", { named: { name: "db" } });
  mesh.receive("d", { type: "locate-actor", actor: "d.2" as ActorId });
  expect(told(mesh)).toEqual(["NAME_TAKEN"]);
  mesh.submit("d.3", "d.A", { named: { name: "db", namespace: "other" } });
  mesh.receive("d", { type: "end-actor", actor });
  mesh.sent();
  mesh.submit("d.4", "d.A", { named: { name: "db" } });
  expect(runs(mesh)).toHaveLength(1);
});

test("getIfExists makes the actor another name of the one that is there", () => {
  const mesh = living({}, { named: { name: "db" } });
  mesh.submit("d.2", "d.A", { named: { name: "db" }, getIfExists: true });
  mesh.receive("d", { type: "locate-actor", actor: "d.2" as ActorId });
  const sent = mesh.sent().map(([, message]) => message);
  expect(sent).toContainEqual({ type: "actor-located", actor: "d.2", sameAs: "d.1" });
  expect(sent.some(({ type }) => type === "run")).toBe(false);
});

test("a detached actor outlives its driver, is restarted, and its class goes with it", () => {
  const mesh = living({ isDetached: true, restartsMax: 1 }, { named: { name: "db" } });
  mesh.leave("d");
  mesh.leave("w1");
  mesh.done("w2", "d.1", { attempt: 1 });
  mesh.driver("e");
  mesh.receive("e", { type: "query", request: 1, what: "actor", named: { name: "db" } });
  expect(mesh.sent().at(-1)![1]).toMatchObject({ actor: { actor: "d.1", methods: ["add"] } });
  mesh.receive("e", { type: "query", request: 2, what: "actors" });
  expect(mesh.sent().at(-1)![1]).toMatchObject({
    actors: [{ actor: "d.1", className: "A", state: "alive", restarts: 1, isDetached: true }],
  });
  mesh.receive("e", { type: "end-actor", actor });
  expect(mesh.plane.callables.size).toBe(0);
  expect(mesh.plane.scheduler.classes.size).toBe(0);
  mesh.receive("e", { type: "query", request: 3, what: "actor", named: { name: "db" } });
  expect(mesh.sent().at(-1)![1]).toMatchObject({ error: { code: "NOT_FOUND" } });
});

test("a detached class without actors goes with its driver", () => {
  const mesh = meshOf("w1");
  const actorOptions = { restartsMax: 0, methods: [], isDetached: true };
  mesh.define("d.A", { kind: "actor-class", demands: ONE_CPU, actor: actorOptions });
  mesh.leave("d");
  expect(mesh.plane.callables.size).toBe(0);
  expect(mesh.plane.scheduler.jobs.size).toBe(0);
});

test("a constructor that loses its worker too often in one life uses up a restart", () => {
  const mesh = meshOf("w1");
  mesh.define("d.A", {
    kind: "actor-class",
    name: "A",
    retriesMax: 0,
    actor: { restartsMax: 1, methods: [] },
  });
  mesh.submit("d.1", "d.A");
  mesh.leave("w1");
  mesh.worker("w2");
  expect(runs(mesh)).toMatchObject([{ to: "w1" }, { to: "w2", attempt: 1 }]);
  mesh.leave("w2");
  mesh.receive("d", { type: "locate-actor", actor });
  expect(told(mesh)).toEqual(["RETRIES_EXHAUSTED"]);
});
