import { expect, test } from "vitest";
import type { ObjectId } from "../../shared/ids.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";
import { failureOf, meshOf, type TestPlane } from "./test-plane.ts";

const object = "d.1" as ObjectId;
const digest = new Uint8Array(16).fill(7);

/** A driver that put a stored object, a worker and two tabs. */
function stored(): TestPlane {
  const mesh = meshOf("w");
  mesh.worker("t1", undefined, { runtime: "browser" });
  mesh.worker("t2", undefined, { runtime: "browser" });
  mesh.put("d", object, { inline: false });
  mesh.sent();
  return mesh;
}

function stateFor(mesh: TestPlane, peer: string): ObjectState {
  mesh.sent();
  mesh.locate(peer, object);
  for (const [, message] of mesh.sent()) {
    if (message.type === "object-located") return message.state;
  }
  throw new Error("no answer");
}

test("among trusted peers nothing is hashed; the first copy in a tab makes the maker tell the hash", () => {
  const mesh = stored();
  mesh.receive("w", { type: "copy-added", object });
  expect(mesh.sentInShort()).toEqual([]);
  mesh.receive("t1", { type: "copy-added", object });
  mesh.receive("t2", { type: "copy-added", object });
  expect(mesh.sentInShort()).toEqual(["digest-wanted d"]);
});

test("a copy in a tab is named only with the hash that it is checked by", () => {
  const mesh = stored();
  mesh.receive("t1", { type: "copy-added", object });
  expect(stateFor(mesh, "w")).toMatchObject({ object, sizeBytes: 3, locations: ["d"] });
  mesh.receive("d", { type: "object-digest", object, digest });
  const state = stateFor(mesh, "w");
  expect(state.digest).toBe(digest);
  expect(state.locations?.toSorted()).toEqual(["d", "t1"]);
});

test("while one tab alone fetches it nothing is hashed; when a second one does, the maker is asked", () => {
  const mesh = stored();
  mesh.receive("t1", { type: "copy-started", object });
  expect(mesh.sentInShort()).toEqual([]);
  mesh.receive("t2", { type: "copy-started", object });
  expect(mesh.sentInShort()).toEqual(["digest-wanted d"]);
});

test("only who was asked tells a hash, and one of the right length", () => {
  const mesh = stored();
  mesh.receive("t1", { type: "copy-added", object });
  const forged = { type: "object-digest", object, digest } as const;
  expect(failureOf(() => mesh.receive("t1", forged)).code).toBe("PROTOCOL_VIOLATION");
  const short = { ...forged, digest: new Uint8Array(3) };
  expect(failureOf(() => mesh.receive("d", short)).message).toContain("3 bytes cannot be");
  expect(stateFor(mesh, "w").digest).toBeUndefined();
});

test("if who was asked leaves, another is asked; a freed object's hash is forgotten", () => {
  const mesh = stored();
  mesh.receive("w", { type: "copy-added", object });
  mesh.receive("t1", { type: "copy-added", object });
  mesh.hold("w", object);
  mesh.sent();
  mesh.leave("d");
  expect(mesh.sentInShort()).toContain("digest-wanted w");
  mesh.receive("w", { type: "object-digest", object, digest });
  mesh.release("w", object);
  expect(mesh.plane.sharing.digests.of(object)).toBeUndefined();
});

test("of one peer a few hashes are wanted at a time; the others wait until it has answered, or are freed", () => {
  const mesh = meshOf("w");
  mesh.worker("t1", undefined, { runtime: "browser" });
  const objects = Array.from({ length: 12 }, (_, n) => `d.${n + 1}` as ObjectId);
  for (const each of objects) {
    mesh.put("d", each, { inline: false });
    mesh.sent();
    mesh.receive("t1", { type: "copy-added", object: each });
  }
  const wanted = (): string[] =>
    mesh
      .sent()
      .flatMap(([, message]) => (message.type === "digest-wanted" ? [message.object] : []));
  expect(wanted()).toEqual([]);
  const next = (event: () => void): string[] => {
    mesh.sent();
    event();
    return wanted();
  };
  const answered = (id: string) => () =>
    mesh.receive("d", { type: "object-digest", object: id as ObjectId, digest });
  expect(next(answered("d.1"))).toEqual(["d.9"]);
  expect(next(() => mesh.release("d", "d.2"))).toEqual(["d.10"]);
  // What waits and is freed is not asked for.
  expect(next(() => mesh.release("d", "d.11"))).toEqual([]);
  expect(next(answered("d.3"))).toEqual(["d.12"]);
  expect(next(answered("d.4"))).toEqual([]);
});
