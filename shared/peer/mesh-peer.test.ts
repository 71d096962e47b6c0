import { expect, test, vi } from "vitest";
import type { JobId, ObjectId, PeerId } from "../ids.ts";
import { LocalStore } from "../objects/local-store.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import { encodeFrame, isFrame } from "../protocol/frame.ts";
import type {
  CoordinatorMessage,
  PeerMessage,
  RelayHeader,
  Welcome,
} from "../protocol/messages.ts";
import { signTicket } from "../protocol/tickets.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";
import { MeshPeer } from "./mesh-peer.ts";
import { ManualClock, quiet } from "./test-mesh.ts";

const [self, ada] = ["b", "ada"] as PeerId[] as [PeerId, PeerId];
const ticketKey = new Uint8Array(32).fill(7);

const WELCOME: Welcome = {
  type: "welcome",
  protocolVersion: 1,
  peer: self,
  job: "b" as JobId,
  heartbeatEveryMs: 5_000,
  ticketKey,
  signalKey: "s",
  iceServers: [],
};

/** A peer that has joined; the test is its coordinator. */
async function join(more: Partial<Welcome> = {}) {
  const clock = new ManualClock();
  clock.advance(1_234);
  const [transport, coordinator] = memoryTransportPair();
  const heard: PeerMessage[] = [];
  const say = (message: CoordinatorMessage) => void coordinator.send(encodeBatch([message]));
  coordinator.onMessage = (bytes) => {
    if (isFrame(bytes)) return;
    const messages = decodeBatch(bytes) as PeerMessage[];
    heard.push(...messages);
    if (messages[0]?.type === "hello") say({ ...WELCOME, ...more });
  };
  let accept!: (transport: Transport) => void;
  const store = new LocalStore({ bytesMax: 2 ** 23 });
  const peer = await MeshPeer.join({
    transport,
    hello: { token: "t", role: "worker", runtime: "node", name: "n", webrtc: false },
    clock,
    store,
    dialers(_welcome, acceptTransport) {
      accept = acceptTransport;
      return [];
    },
  });
  peer.start(() => {});
  const relay = (header: RelayHeader) => {
    void coordinator.send(encodeFrame(header, new Uint8Array(0)));
  };
  return { peer, clock, store, heard, say, relay, accept };
}

/** What comes back for a hello with a ticket of this expiry. */
async function greeted(accept: (transport: Transport) => void, expiresAtEpochMs: number) {
  const [mine, theirs] = memoryTransportPair();
  const answers: { type: string }[] = [];
  mine.onMessage = (bytes) => void answers.push(...(decodeBatch(bytes) as typeof answers));
  accept(theirs);
  const ticket = signTicket(ticketKey, { from: ada, to: self }, expiresAtEpochMs);
  void mine.send(encodeBatch([{ type: "link-hello", from: ada, ticket }]));
  await quiet();
  return answers[0]?.type;
}

test("tickets are dated in the coordinator's time, whatever this machine's clock says", async () => {
  const epochMs = 1_000_000_000;
  const { accept, clock } = await join({ epochMs });
  expect(await greeted(accept, epochMs + 60_000)).toBe("link-welcome");
  clock.advance(60_000);
  expect(await greeted(accept, epochMs + 60_000)).toBe("link-refused");
  expect(await greeted(accept, epochMs + 60_001)).toBe("link-welcome");
});

test("a coordinator that does not tell its time leaves this machine's", async () => {
  const { accept } = await join();
  expect(await greeted(accept, Date.now() + 60_000)).toBe("link-welcome");
  expect(await greeted(accept, Date.now() - 60_000)).toBe("link-refused");
});

test("silent links through the relay leave room for others", async () => {
  const { accept, relay } = await join();
  const eve = "eve" as PeerId;
  for (let link = 0; link < 300; link++) {
    relay({
      type: "relay",
      peer: eve,
      link,
      byOpener: true,
      open: true,
      bare: true,
      consumedBytes: 0,
    });
  }
  await quiet();
  expect(await greeted(accept, Date.now() + 60_000)).toBe("link-welcome");
});

test("all who wait for one introduction are told when it does not come, and the next asks again", async () => {
  const { peer, clock, heard, say } = await join();
  const asked = () => heard.filter(({ type }) => type === "introduce-me").length;
  const first = peer.links.to(ada);
  const firstFailed = expect(first).rejects.toThrow("it has left the mesh");
  await quiet();
  say({ type: "peer-left", peer: ada });
  await firstFailed;
  clock.advance(9_000);
  const second = expect(peer.links.to(ada)).rejects.toMatchObject({
    code: "TIMEOUT",
    message: "the coordinator's introduction to ada took longer than 10000 ms",
  });
  await quiet();
  expect(asked()).toBe(1);
  clock.advance(1_000);
  await second;
  const third = expect(peer.links.to(ada)).rejects.toThrow("ada is not in the mesh");
  clock.advance(1_000);
  await quiet();
  expect(asked()).toBe(2);
  const error = { code: "PEER_UNREACHABLE" as const, message: "ada is not in the mesh" };
  say({ type: "introduction", peer: ada, error });
  await third;
  expect(clock.pending).toBe(0);
});

test("an object that is freed while it is hashed is not hashed to its end", async () => {
  const { store, heard, say } = await join();
  const object = "b.1" as ObjectId;
  store.put(object, new Uint8Array(4 * 2 ** 20));
  const digest = vi.spyOn(crypto.subtle, "digest").mockImplementation(() => {
    store.delete(object);
    return Promise.resolve(new ArrayBuffer(32));
  });
  say({ type: "digest-wanted", object });
  await quiet();
  expect(digest).toHaveBeenCalledTimes(1);
  expect(heard.map(({ type }) => type)).toEqual(["hello", "copy-lost"]);
  digest.mockRestore();
});
