import { expect, test } from "vitest";
import { failureOf, meshOf, type TestPlane } from "./test-plane.ts";
import { summarizePeers } from "./queries.ts";

const drain = (mesh: TestPlane, worker: string, deadlineMs = 30_000) =>
  mesh.plane.drain(worker, deadlineMs, mesh.nowMs);

test("a worker is told to drain, by id or by name, and the answer says what it waits for", () => {
  const mesh = meshOf("w1", "w2");
  mesh.submit("d.1");
  mesh.sent();
  expect(drain(mesh, "w1")).toMatchObject({
    worker: "w1",
    name: "w1",
    deadlineMs: 30_000,
    tasksRunning: 1,
    actors: 0,
  });
  expect(mesh.sent()).toEqual([["w1", { type: "drain", deadlineMs: 30_000 }]]);
  const [w1, w2] = summarizePeers(mesh.plane).filter(({ role }) => role === "worker");
  expect([w1!.draining, w2!.draining]).toEqual([true, undefined]);
});

test("asked twice, the answer is the same and the earlier deadline counts", () => {
  const mesh = meshOf("w1");
  drain(mesh, "w1");
  mesh.sent();
  mesh.tick(10_000);
  expect(drain(mesh, "w1", 60_000).deadlineMs).toBe(20_000);
  expect(mesh.sent()).toEqual([]);
  expect(drain(mesh, "w1", 1_000).deadlineMs).toBe(1_000);
  expect(mesh.sent()).toEqual([["w1", { type: "drain", deadlineMs: 1_000 }]]);
});

test("whoever is no worker cannot be drained", () => {
  const mesh = meshOf("w1");
  for (const nobody of ["w9", "d"]) {
    const { code, message } = failureOf(() => drain(mesh, nobody));
    expect(code).toBe("NOT_FOUND");
    expect(message).toContain(nobody);
  }
});

test("a name that several workers have is refused with their ids", () => {
  const mesh = meshOf("w1");
  mesh.worker("w2", undefined, { name: "w0" });
  mesh.worker("w3", undefined, { name: "w0" });
  const { code, message } = failureOf(() => drain(mesh, "w0"));
  expect(code).toBe("INVALID_ARGUMENT");
  expect(message).toContain("w2, w3");
});

test("the last worker may be drained; tasks wait for another one", () => {
  const mesh = meshOf("w1");
  drain(mesh, "w1");
  mesh.submit("d.1");
  mesh.sent();
  mesh.worker("w2");
  expect(mesh.sentInShort()).toContain("run w2");
});

test("a worker that does not leave is dropped, one that does is left alone", () => {
  const mesh = meshOf("w1", "w2");
  for (const worker of ["w1", "w2"]) drain(mesh, worker, 0);
  mesh.receive("w2", { type: "leaving", reason: "it was drained" });
  mesh.receive("w2", { type: "goodbye", reason: "it was drained" });
  for (let atMs = 10_000; atMs <= 30_000; atMs += 10_000) {
    mesh.receive("w1", { type: "heartbeat", tasks: [], storedBytes: 0 });
    mesh.tick(atMs);
  }
  expect(mesh.dropped.map(({ peer, error }) => [peer, error.message])).toEqual([
    ["w1", expect.stringContaining("it was drained and did not leave")],
  ]);
});
