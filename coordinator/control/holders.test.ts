import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

const object = "d.1" as ObjectId;

function stateFor(mesh: TestPlane, peer: string): ObjectState {
  mesh.sent();
  mesh.locate(peer, object);
  for (const [to, message] of mesh.sent()) {
    if (to === peer && message.type === "object-located") return message.state;
  }
  throw new Error("no answer");
}

function stored(...workers: string[]): TestPlane {
  const mesh = meshOf(...workers);
  mesh.put("d", object, { inline: false });
  return mesh;
}

test("who is receiving a large object is named as a partial place, until it has it or gave up", () => {
  const mesh = stored("w1", "w2", "w3");
  mesh.receive("w1", { type: "copy-started", object });
  mesh.receive("w2", { type: "copy-started", object });
  expect(stateFor(mesh, "w3").partialLocations?.toSorted()).toEqual(["w1", "w2"]);
  mesh.receive("w1", { type: "copy-added", object });
  mesh.receive("w2", { type: "copy-stopped", object });
  const state = stateFor(mesh, "w3");
  expect(state.partialLocations).toBeUndefined();
  expect(state.locations?.toSorted()).toEqual(["d", "w1"]);
});

test("of many places a few are named, to everybody others first", () => {
  const workers = Array.from({ length: 20 }, (_, n) => `w${n}`);
  const mesh = stored(...workers);
  for (const worker of workers.slice(0, 10)) mesh.receive(worker, { type: "copy-added", object });
  for (const worker of workers.slice(10)) mesh.receive(worker, { type: "copy-started", object });
  const first = new Set<string>();
  for (const worker of workers) {
    const { locations, partialLocations } = stateFor(mesh, worker);
    expect(locations).toHaveLength(11);
    expect(partialLocations).toHaveLength(8);
    first.add(locations![0]!);
  }
  expect(first.size).toBeGreaterThan(5);
});

test("nobody is remembered as receiving what was freed, by whoever left, or what never was", () => {
  const mesh = stored("w1", "w2");
  mesh.receive("w1", { type: "copy-started", object });
  mesh.receive("w1", { type: "copy-started", object: "d.9" as ObjectId });
  mesh.receive("w2", { type: "copy-started", object });
  mesh.leave("w2");
  expect(mesh.plane.sharing.holders.receivers).toBe(1);
  mesh.release("d", object);
  expect(mesh.plane.sharing.holders.receivers).toBe(0);
});

const complaint = (peer: string) =>
  ({ type: "source-fault", object, peer: peer as PeerId, fault: "missing" }) as const;

test("who does not have what it announced is told, loses the place, and everybody can see it", () => {
  const mesh = stored("w1", "w2");
  mesh.receive("w1", { type: "copy-added", object });
  mesh.sent();
  mesh.receive("w2", complaint("w1"));
  expect(mesh.sentInShort()).toEqual(["refused w1"]);
  expect(stateFor(mesh, "w2").locations).toEqual(["d"]);
  expect(mesh.plane.peers.get("w1" as PeerId)?.faults).toMatchObject({
    count: 1,
    last: expect.stringContaining("d.1 by w2, it did not have it"),
  });
  mesh.receive("w2", complaint("w1"));
  expect(mesh.plane.peers.get("w1" as PeerId)?.faults?.count).toBe(1);
});

test("one tab alone cannot make the copy of another peer disappear by complaining", () => {
  const mesh = stored("w1");
  mesh.worker("t1", undefined, { runtime: "browser" });
  mesh.worker("t2", undefined, { runtime: "browser" });
  mesh.receive("w1", { type: "copy-added", object });
  mesh.receive("t1", complaint("w1"));
  expect(stateFor(mesh, "t1").locations).toHaveLength(2);
  mesh.receive("t2", complaint("w1"));
  expect(stateFor(mesh, "t1").locations).toEqual(["d"]);
});
