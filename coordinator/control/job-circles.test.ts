import { expect, test } from "vitest";
import type { ActorId, CallableId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import type { CoordinatorMessage, ObjectState } from "../../shared/protocol/messages.ts";
import { JobCircles } from "./job-circles.ts";
import { TestPlane } from "./test-plane.ts";

const [d, e, w1] = ["d", "e", "w1"] as string[] as [JobId, JobId, PeerId];
const object = "d.1" as ObjectId;

/** Two drivers with a function each; w1 runs a task of d, w2 one of e. */
function twoJobs(): TestPlane {
  const mesh = new TestPlane({ isApart: true });
  for (const [driver, worker] of [
    ["d", "w1"],
    ["e", "w2"],
  ] as const) {
    mesh.driver(driver);
    mesh.define(`${driver}.f`);
    mesh.worker(worker);
    mesh.submit(`${driver}.t`, `${driver}.f`);
  }
  return mesh;
}

const stateFor = (mesh: TestPlane, peer: string, id: string): ObjectState | undefined => {
  mesh.sent();
  mesh.locate(peer, id);
  const told = mesh.sent().find(([to, { type }]) => to === peer && type === "object-located");
  return (told?.[1] as Extract<CoordinatorMessage, { type: "object-located" }>)?.state;
};

/** A detached actor of d's, which lives on w1, by the name `shared`. */
function withActor(): TestPlane {
  const mesh = twoJobs();
  mesh.done("w1", "d.t");
  mesh.define("d.A", {
    kind: "actor-class",
    demands: { cpuMilli: 0, gpuMilli: 0, memoryBytes: 0 },
    actor: { restartsMax: 0, methods: [], isDetached: true },
  });
  mesh.submit("d.a", "d.A", { named: { name: "shared" } });
  const worker = mesh.plane.scheduler.tasks.get("d.a" as TaskId)!.worker!.id;
  mesh.done(worker, "d.a");
  mesh.sent();
  return mesh;
}

const find = (mesh: TestPlane, peer: string): void =>
  mesh.receive(peer, { type: "query", request: 1, what: "actor", named: { name: "shared" } });

test("an object is located for those who take part in its job, with its key, and for nobody else", () => {
  const mesh = twoJobs();
  mesh.put("d", object, { inline: false });
  const locations = ["d"];
  const jobKey = { job: "d", key: new TextEncoder().encode("secret of d".padEnd(32)) };
  for (const peer of ["d", "w1"]) {
    expect(stateFor(mesh, peer, object)).toMatchObject({ locations, jobKey });
  }
  for (const peer of ["e", "w2"]) {
    const state = stateFor(mesh, peer, object);
    expect(state).toMatchObject({ object, error: { code: "TICKET_REFUSED" } });
    expect(Object.keys(state!)).toEqual(["object", "error"]);
  }
});

test("nor is a small value, or one that is yet to be made", () => {
  const mesh = twoJobs();
  mesh.put("d", object);
  expect(stateFor(mesh, "e", object)?.error?.code).toBe("TICKET_REFUSED");
  expect(stateFor(mesh, "e", "d.t")).toBeUndefined();
  mesh.done("w1", "d.t");
  expect(mesh.located("e")).toEqual(["d.t TICKET_REFUSED"]);
});

test("a task with a guessed argument of another job fails, and a guessed ref holds nothing", () => {
  const mesh = twoJobs();
  mesh.put("d", object);
  mesh.submit("e.2", "e.f", { dependencies: [object] });
  expect(mesh.located("e")).toEqual(["e.2 TICKET_REFUSED"]);
  mesh.submit("e.3", "e.f", { contained: [object] });
  expect(mesh.located("e")).toEqual(["e.3 TICKET_REFUSED"]);
  mesh.hold("e", object);
  mesh.release("d", object);
  expect(mesh.plane.directory.objects.has(object)).toBe(false);
});

test("what a job puts into values or results holds no object of another job", () => {
  const mesh = twoJobs();
  mesh.put("d", object);
  mesh.put("e", "e.1", { contained: [object] });
  mesh.done("w2", "e.t", { contained: [object] });
  mesh.put("d", "d.2", { contained: [object] });
  mesh.release("d", object);
  expect(mesh.plane.directory.objects.has(object)).toBe(true);
  mesh.release("d", "d.2");
  expect(mesh.plane.directory.objects.has(object)).toBe(false);
});

test("what is not made yet cannot be held in advance by who may not read it", () => {
  const mesh = twoJobs();
  mesh.hold("e", object);
  mesh.put("d", object);
  mesh.release("d", object);
  expect(mesh.plane.directory.objects.has(object)).toBe(false);
});

test("a worker is told the key of a job with the first definition of it", () => {
  const mesh = new TestPlane({ isApart: true });
  mesh.driver("d");
  mesh.define("d.f");
  mesh.worker("w1");
  mesh.submit("d.t", "d.f");
  const define = mesh.sent().find(([, { type }]) => type === "define")?.[1];
  expect(define).toMatchObject({ jobKey: { job: "d" } });
});

test("what a task makes belongs to its job, as far as its worker takes part in that", () => {
  const mesh = twoJobs();
  const put = (id: string, job: JobId) =>
    mesh.receive("w1", {
      type: "put-object",
      object: id as ObjectId,
      sizeBytes: 3,
      jobs: [job],
    });
  put("w1.0x1", d);
  put("w1.0x2", e);
  expect(stateFor(mesh, "d", "w1.0x1")?.locations).toEqual(["w1"]);
  for (const [peer, id] of [
    ["e", "w1.0x1"],
    ["e", "w1.0x2"],
    ["d", "w1.0x2"],
  ] as const) {
    expect(stateFor(mesh, peer, id)?.error?.code).toBe("TICKET_REFUSED");
  }
});

test("results of nested tasks belong to the job, and are forgotten when they are freed", () => {
  const mesh = twoJobs();
  mesh.define("w1.0x0", { parent: "d.t" as TaskId });
  const { size } = mesh.plane.circles;
  mesh.submit("w1.0x1", "w1.0x0", { parent: "d.t" as TaskId });
  expect(mesh.plane.circles.size).toBe(size + 1);
  const worker = mesh.plane.scheduler.tasks.get("w1.0x1" as TaskId)?.worker?.id;
  if (!worker) mesh.worker("w3");
  mesh.done(worker ?? "w3", "w1.0x1", { inline: false });
  expect(stateFor(mesh, "d", "w1.0x1")?.jobKey?.job).toBe("d");
  expect(stateFor(mesh, "e", "w1.0x1")?.error?.code).toBe("TICKET_REFUSED");
  mesh.release("w1", "w1.0x1");
  expect(mesh.plane.circles.size).toBe(size);
});

test("jobs meet when one finds an actor of the other by name; a third that has not stays apart", () => {
  const mesh = withActor();
  mesh.driver("x");
  mesh.put("e", "e.1");
  mesh.put("d", object);
  expect(stateFor(mesh, "w1", "e.1")?.error?.code).toBe("TICKET_REFUSED");
  find(mesh, "e");
  // Refs can have come by calls either way.
  expect(stateFor(mesh, "w1", "e.1")?.inline).toBeDefined();
  expect(stateFor(mesh, "e", object)?.inline).toBeDefined();
  expect(stateFor(mesh, "x", object)?.error?.code).toBe("TICKET_REFUSED");
});

test("who wants an actor of that name unless there is one has found it too", () => {
  const mesh = withActor();
  mesh.put("d", object);
  mesh.define("e.A", {
    kind: "actor-class",
    actor: { restartsMax: 0, methods: [], isDetached: true },
  });
  mesh.submit("e.a", "e.A", { named: { name: "shared" }, getIfExists: true });
  expect(stateFor(mesh, "e", object)?.inline).toBeDefined();
});

test("what a detached actor has of its driver's is read by others after the driver left", () => {
  const mesh = withActor();
  mesh.put("d", object);
  mesh.hold("w1", object);
  mesh.leave("d");
  find(mesh, "e");
  expect(stateFor(mesh, "e", object)?.inline).toBeDefined();
});

test("a detached actor's job ends with it: what it defined and submitted goes, and its key", () => {
  const mesh = withActor();
  const actor = mesh.plane.scheduler.tasks.get("d.a" as TaskId)!;
  const worker = actor.worker!.id;
  mesh.define(`${worker}.0x0`, { parent: actor.id });
  mesh.submit(`${worker}.0x1`, `${worker}.0x0`, { parent: actor.id });
  const nested = `${worker}.0x0` as CallableId;
  mesh.leave("d");
  expect(mesh.plane.callables.has(nested)).toBe(true);
  mesh.receive("e", { type: "end-actor", actor: "d.a" as ActorId });
  expect(mesh.plane.callables.has(nested)).toBe(false);
  expect(mesh.plane.scheduler.tasks.has(`${worker}.0x1` as TaskId)).toBe(false);
  expect([...mesh.plane.scheduler.jobs.keys()]).toEqual(["e"]);
  expect(mesh.plane.circles.jobKey("d.A" as JobId)).toBeUndefined();
});

test("a copy is believed of those who may read the object, or were asked to keep it", () => {
  const mesh = twoJobs();
  mesh.put("d", object, { inline: false });
  mesh.sent();
  for (const type of ["copy-started", "copy-added"] as const) mesh.receive("w2", { type, object });
  expect(mesh.sentInShort()).toEqual(["free-objects w2"]);
  expect(stateFor(mesh, "w1", object)).toMatchObject({ locations: ["d"] });
  expect(stateFor(mesh, "w1", object)?.partialLocations).toBeUndefined();
  const wanted = {
    type: "put-object",
    object: "d.2" as ObjectId,
    sizeBytes: 3,
    replicas: 3,
  } as const;
  mesh.receive("d", wanted);
  expect(mesh.sentInShort().toSorted()).toEqual(["keep-copy w1", "keep-copy w2"]);
  mesh.receive("w2", { type: "copy-added", object: wanted.object });
  expect(mesh.sent()).toEqual([]);
  expect(stateFor(mesh, "w1", "d.2")?.locations).toEqual(expect.arrayContaining(["w2"]));
});

test("a complaint of a reader is seen in peers(), and leaves its copies alone", () => {
  const mesh = twoJobs();
  mesh.receive("w1", { type: "reader-fault", object, peer: "w2" as PeerId });
  mesh.receive("w1", { type: "reader-fault", object, peer: "w2" as PeerId });
  expect(mesh.plane.peers.get("w2" as PeerId)?.faults).toEqual({
    count: 1,
    last: "it asked w1 for d.1 and showed no ticket for the job of that",
  });
  expect(mesh.plane.peers.get("w2" as PeerId)).toBeDefined();
});

test("circles merge whole, and are forgotten when their last job has ended", () => {
  const circles = new JobCircles(() => new Uint8Array(32));
  const jobs = Array.from({ length: 6 }, (_, n) => `d${n}` as JobId);
  for (const job of jobs) {
    circles.started(job);
    circles.joined(job as string as PeerId, job);
  }
  circles.met(jobs[0]!, jobs[1]!);
  circles.met(jobs[2]!, jobs[3]!);
  circles.met(jobs[1]!, jobs[3]!);
  circles.joined(w1, jobs[2]!);
  const readable = (peer: string) =>
    jobs.filter((job) => circles.mayRead(peer as PeerId, `${job}.9` as ObjectId));
  expect(readable("d0")).toEqual(jobs.slice(0, 4));
  expect(readable("w1")).toEqual(jobs.slice(0, 4));
  expect(readable("d4")).toEqual(["d4"]);
  circles.peerLeft("d0" as PeerId);
  expect(readable("d0")).toEqual(["d0"]);
  for (const job of jobs.slice(0, 3)) circles.jobEnded(job);
  expect(readable("d3")).toEqual(jobs.slice(0, 4));
  expect(circles.size).toBe(6);
  circles.jobEnded(jobs[3]!);
  expect(circles.size).toBe(2);
  expect(readable("d3")).toEqual(["d3"]);
});

test("a worker's question joins the jobs that it works for now, and none that it once worked for", () => {
  const mesh = withActor();
  mesh.put("d", object);
  mesh.done("w2", "e.t");
  const ask = () => {
    const [named, jobs] = [{ name: "shared" }, [e]];
    mesh.receive("w2", { type: "query", request: 1, what: "actor", named, jobs });
  };
  ask();
  expect(mesh.plane.circles.mayRead("w2" as PeerId, object)).toBe(false);
  mesh.submit("e.2", "e.f");
  mesh.submit("e.3", "e.f");
  ask();
  expect(mesh.plane.circles.mayRead("w2" as PeerId, object)).toBe(true);
});
