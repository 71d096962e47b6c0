import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { CoordinatorMessage } from "../../shared/protocol/messages.ts";
import { COPY_MS_MAX } from "./replicator.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

const object = "d.1" as ObjectId;

/** Who was asked to keep a copy, or was told that it may go, since the last look. */
const asked = (mesh: TestPlane): string[] =>
  mesh
    .sent()
    .filter(([, { type }]: [string, CoordinatorMessage]) =>
      ["keep-copy", "handed-over"].includes(type),
    )
    .map(([to, { type }]) => (type === "keep-copy" ? `keep ${to}` : `go ${to}`));

function keeps(mesh: TestPlane, peer: string): void {
  mesh.receive(peer, { type: "copy-added", object });
  mesh.receive(peer, { type: "copy-kept", object });
}

const keepers = (mesh: TestPlane) => mesh.plane.directory.objects.get(object)?.keepers;

function put(mesh: TestPlane, replicas: number): void {
  mesh.receive("d", { type: "put-object", object, sizeBytes: 100_000, replicas });
}

test("as many peers keep a copy as were asked for, and a lost one is replaced", () => {
  const mesh = meshOf("w1", "w2", "w3");
  put(mesh, 3);
  expect(asked(mesh)).toEqual(["keep w1", "keep w2"]);
  keeps(mesh, "w1");
  keeps(mesh, "w2");
  expect(keepers(mesh)).toEqual(["d", "w1", "w2"]);
  expect(asked(mesh)).toEqual([]);
  mesh.leave("w1");
  expect(asked(mesh)).toEqual(["keep w3"]);
});

test("who refuses, or does not answer, is passed over", () => {
  const mesh = meshOf("w1", "w2", "w3");
  put(mesh, 2);
  expect(asked(mesh)).toEqual(["keep w1"]);
  const error = { code: "STORE_FULL", message: "no room" } as const;
  mesh.receive("w1", { type: "copy-refused", object, error });
  expect(asked(mesh)).toEqual(["keep w2"]);
  mesh.nowMs = COPY_MS_MAX;
  for (const peer of ["w2", "w3"]) {
    mesh.receive(peer, { type: "heartbeat", tasks: [], storedBytes: 0 });
  }
  mesh.tick(COPY_MS_MAX);
  expect(asked(mesh)).toEqual(["keep w3"]);
});

test("with too few peers it waits for more", () => {
  const mesh = meshOf();
  put(mesh, 2);
  expect(asked(mesh)).toEqual([]);
  mesh.worker("w1");
  expect(asked(mesh)).toEqual(["keep w1"]);
});

test("a peer that has a copy for its own work is asked first: nothing has to be sent", () => {
  const mesh = meshOf("w1", "w2");
  put(mesh, 1);
  mesh.receive("w2", { type: "copy-added", object });
  mesh.receive("d", { type: "put-object", object: "d.2" as ObjectId, sizeBytes: 1e5, replicas: 2 });
  expect(asked(mesh)).toEqual(["keep w1"]);
  mesh.receive("d", { type: "copy-lost", object });
  expect(asked(mesh)).toEqual(["keep w2"]);
});

test("copies go to different machines, as far as workers say which they are on", () => {
  const mesh = meshOf();
  mesh.worker("w1", undefined, { labels: { host: "a" } });
  mesh.worker("w2", undefined, { labels: { host: "a" } });
  mesh.worker("w3", undefined, { labels: { host: "b" } });
  put(mesh, 3);
  expect(asked(mesh)).toEqual(["keep w1", "keep w3"]);
});

test("the only copy in a tab of what was costly gets a second one on a Node worker", () => {
  const mesh = meshOf("w1");
  mesh.worker("tab", undefined, { runtime: "browser" });
  mesh.worker("tab2", undefined, { runtime: "browser" });
  mesh.receive("tab", { type: "put-object", object: "tab.1" as ObjectId, sizeBytes: 100_000 });
  mesh.hold("d", "tab.1");
  expect(asked(mesh)).toEqual(["keep w1"]);
});

test("what a leaving peer keeps alone is kept elsewhere before it may go", () => {
  const mesh = meshOf("w1", "w2");
  mesh.submit("d.1");
  mesh.done("w1", "d.1", { inline: false });
  mesh.sent();
  mesh.receive("w1", { type: "leaving", reason: "a person pressed Stop" });
  expect(asked(mesh)).toEqual(["keep w2"]);
  keeps(mesh, "w2");
  expect(asked(mesh)).toEqual(["go w1"]);
  mesh.leave("w1");
  mesh.locate("d", "d.1");
  expect(mesh.located("d")).toEqual(["d.1 w2"]);
});

test("a peer with nothing to hand over, or nobody to hand it to, may go at once", () => {
  const mesh = meshOf("w1");
  mesh.submit("d.1");
  mesh.done("w1", "d.1", { inline: false });
  mesh.sent();
  mesh.receive("w1" as PeerId, { type: "leaving", reason: "a person pressed Stop" });
  expect(asked(mesh)).toEqual(["go w1"]);
});

test("a peer that said it leaves and stays is dropped", () => {
  const mesh = meshOf("w1");
  mesh.receive("w1", { type: "leaving", reason: "a person pressed Stop" });
  mesh.tick(60_000);
  expect(mesh.plane.peers.has("w1" as PeerId)).toBe(false);
});
