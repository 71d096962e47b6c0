import { expect, test } from "vitest";
import type { JobId, ObjectId, PeerId } from "../ids.ts";
import { ManualClock, quiet } from "../peer/test-mesh.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import type { CoordinatorMessage, PeerMessage } from "../protocol/messages.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import { CoordinatorSession } from "./coordinator-session.ts";

const HEARTBEAT_EVERY_MS = 5_000;

const WELCOME: CoordinatorMessage = {
  type: "welcome",
  protocolVersion: 1,
  peer: "d" as PeerId,
  job: "d" as JobId,
  heartbeatEveryMs: HEARTBEAT_EVERY_MS,
  ticketKey: new Uint8Array(32),
  signalKey: "s",
  iceServers: [],
};

/** An open session; the test is its coordinator. */
async function open() {
  const clock = new ManualClock();
  const [transport, coordinator] = memoryTransportPair();
  const seen: PeerMessage[] = [];
  const heard: CoordinatorMessage[] = [];
  const say = (message: CoordinatorMessage) => void coordinator.send(encodeBatch([message]));
  coordinator.onMessage = (bytes) => {
    const messages = decodeBatch(bytes) as PeerMessage[];
    seen.push(...messages);
    if (messages[0]?.type === "hello") say(WELCOME);
  };
  const session = await CoordinatorSession.open(
    transport,
    { token: "t", role: "driver", runtime: "node", name: "n", webrtc: false },
    clock,
  );
  session.start({ onMessage: (message) => heard.push(message), onRelay: () => {} });
  let endedWith: { code: string; message: string } | undefined;
  void session.ended.then((error) => (endedWith = error));
  const beat = async () => {
    clock.advance(HEARTBEAT_EVERY_MS);
    session.send({ type: "heartbeat", tasks: [], storedBytes: 0 });
    await quiet();
    return endedWith;
  };
  return { session, transport, coordinator, seen, heard, say, beat };
}

test("a coordinator that answers nothing any more ends the session, and says how long it was silent", async () => {
  const { beat, transport } = await open();
  for (let n = 0; n < 3; n++) expect(await beat()).toBeUndefined();
  expect(await beat()).toMatchObject({
    code: "DISCONNECTED",
    message: expect.stringMatching(
      /nothing heard from the coordinator for over 20 s.*connect again/,
    ),
  });
  expect(await transport.closed).toMatchObject({ code: "timeout" });
});

test("one answer in a while keeps the session, and is nobody's business", async () => {
  const { beat, say, heard } = await open();
  for (let n = 0; n < 12; n++) {
    expect(await beat()).toBeUndefined();
    if (n % 3 === 2) say({ type: "heartbeat-seen" });
    await quiet();
  }
  expect(heard).toEqual([]);
});

test("a coordinator that is only busy reading what was sent is not silent", async () => {
  const { session, beat, coordinator } = await open();
  let take!: () => void;
  coordinator.onMessage = () => new Promise((resolve) => (take = resolve));
  const inline = new Uint8Array(30_000);
  const put = { type: "put-object", object: "x.1" as ObjectId, sizeBytes: 30_000, inline } as const;
  for (let n = 0; n < 1_000; n++) session.send(put, inline.length);
  await quiet();
  for (let batch = 0; batch < 5; batch++) {
    for (let n = 0; n < 3; n++) expect(await beat()).toBeUndefined();
    take();
    await quiet();
  }
});
