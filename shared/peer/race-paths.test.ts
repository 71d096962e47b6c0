import { expect, test } from "vitest";
import type { PeerId } from "../ids.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";
import type { Dialer } from "./dialer.ts";
import { quiet, TestMesh } from "./test-mesh.ts";

test("a path that does not answer costs its head start; at its deadline both ends know why", async () => {
  const mesh = new TestMesh();
  let open!: (transport: Transport) => void;
  const slow: Dialer = {
    path: "webrtc",
    obstacle: () => undefined,
    dial: () => new Promise((resolve) => (open = resolve)),
  };
  const a = mesh.add("a", { dialers: [slow, mesh.dialer("a" as PeerId)] });
  const b = mesh.add("b");
  const opening = a.links.to(b.id);
  await quiet();
  mesh.clock.advance(1_500);
  const link = await opening;
  const atB = b.links.openTo(a.id)!;
  expect(link.reason).toMatch(/webrtc: not open after 1500 ms, and still being tried/);
  mesh.clock.advance(8_500);
  await quiet();
  for (const end of [link, atB]) expect(end.reason).toMatch(/webrtc: .* took longer than 10000 ms/);
  expect(a.links.counters()[0]?.reason).toBe(link.reason);
  const [late, other] = memoryTransportPair();
  open(late);
  expect(await other.closed).toMatchObject({ code: "timeout" });
  expect(link.isOpen).toBe(true);
});

test("when a better path opens later, both ends move over to it", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", {
    dialers: [mesh.slowDialer("a" as PeerId, "webrtc", 3_000), mesh.dialer("a" as PeerId)],
  });
  const b = mesh.add("b");
  const opening = a.links.to(b.id);
  await quiet();
  mesh.clock.advance(1_500);
  const first = await opening;
  const down: string[] = [];
  b.links.onDown((_link, { detail }) => down.push(String(detail)));
  mesh.clock.advance(1_500);
  await quiet();
  expect(first.isOpen).toBe(false);
  expect(down).toEqual(["a better path is open: local"]);
  expect(a.links.openTo(b.id)?.reason).toBeUndefined();
  expect(b.links.openTo(a.id)?.isOpen).toBe(true);
  expect(mesh.clock.pending).toBe(0);
});

test("a peer that leaves while a better path to it is still being tried gets no link", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", {
    dialers: [mesh.slowDialer("a" as PeerId, "webrtc", 3_000), mesh.dialer("a" as PeerId)],
  });
  const b = mesh.add("b");
  const opening = a.links.to(b.id);
  await quiet();
  mesh.clock.advance(1_500);
  await opening;
  a.links.peerLeft(b.id);
  mesh.clock.advance(1_500);
  await quiet();
  expect(a.links.openTo(b.id)).toBeUndefined();
});

test("a transport whose other end stays silent is given up for the next path", async () => {
  const mesh = new TestMesh();
  const silent: Dialer = {
    path: "websocket",
    obstacle: () => undefined,
    dial: () => Promise.resolve(memoryTransportPair()[0]),
  };
  const a = mesh.add("a", { dialers: [silent, mesh.dialer("a" as PeerId)] });
  mesh.add("b");
  const opening = a.links.to("b" as PeerId);
  await quiet();
  mesh.clock.advance(500);
  const link = await opening;
  mesh.clock.advance(9_500);
  await quiet();
  expect(link.reason).toMatch(/websocket: the other end did not greet/);
});

test("a peer that leaves while hello is being said to it gets no link", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const b = mesh.add("b");
  const opening = a.links.to(b.id);
  const outcome = Promise.allSettled([opening]);
  while (mesh.messagesSent === 0) await Promise.resolve();
  a.links.peerLeft(b.id);
  await quiet();
  expect(await outcome).toMatchObject([{ reason: { code: "PEER_UNREACHABLE" } }]);
  expect(a.links.openTo(b.id)).toBeUndefined();
  expect(mesh.openConnections).toBe(0);
});
