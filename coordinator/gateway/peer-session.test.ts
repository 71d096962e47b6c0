import { expect, test } from "vitest";
import type { PeerId } from "../../shared/ids.ts";
import { decodeBatch, encodeBatch } from "../../shared/protocol/batch.ts";
import { memoryTransportPair } from "../../shared/transport/memory.ts";
import { PeerSession } from "./peer-session.ts";

test.each(["worker", "driver"] as const)("each heartbeat of a %s is answered", async (role) => {
  const [transport, theirs] = memoryTransportPair();
  const answers = new Promise<readonly unknown[]>((resolve) => {
    theirs.onMessage = (bytes) => resolve(decodeBatch(bytes));
  });
  const handled: string[] = [];
  const session = new PeerSession({ peer: "p" as PeerId, role }, transport, {
    onMessage: ({ type }) => void handled.push(type),
    onRelay: () => {},
    onEnded: () => {},
  });
  const heartbeat = { type: "heartbeat", tasks: [], storedBytes: 0 };
  session.receive(encodeBatch([heartbeat, heartbeat]));
  expect(await answers).toEqual([{ type: "heartbeat-seen" }, { type: "heartbeat-seen" }]);
  expect(handled).toEqual(["heartbeat", "heartbeat"]);
});
