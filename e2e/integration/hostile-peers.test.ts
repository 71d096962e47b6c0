import { expect, test } from "vitest";
import type { ObjectId } from "../../shared/ids.ts";
import { dialWebSocket } from "../../shared/node/websocket-for-node.ts";
import { decodeBatch, encodeBatch } from "../../shared/protocol/batch.ts";
import { isFrame } from "../../shared/protocol/frame.ts";
import type { LinkMessage } from "../../shared/protocol/link-messages.ts";
import { RawPeer } from "./raw-peer.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** A driver of another job that guesses ids, at a real coordinator and a real worker. */
const started = sharedMesh({ workers: 1, cpus: 1 });

/** What comes of one message on a link to a peer, over its own socket. */
async function sayOnLink(
  directUrl: string,
  hello: LinkMessage,
  message: LinkMessage,
): Promise<LinkMessage | "bytes"> {
  const transport = await dialWebSocket(directUrl, { deadlineMs: 5_000 });
  const answer = new Promise<LinkMessage | "bytes">((resolve) => {
    transport.onMessage = (bytes) => {
      if (isFrame(bytes)) return resolve("bytes");
      for (const heard of decodeBatch(bytes) as LinkMessage[]) {
        if (heard.type === "link-welcome") void transport.send(encodeBatch([message]));
        else if (heard.type === "fetch-failed" || heard.type === "link-refused") resolve(heard);
      }
    };
  });
  void transport.send(encodeBatch([hello]));
  const heard = await answer;
  transport.close({ code: "done" });
  return heard;
}

test("a driver of another job gets at no object: not where it is, not from who has it, not as an argument", async () => {
  const { mesh } = started;
  using ref = await mesh.put(new Uint8Array(1_000_000).fill(7));
  using sum = mesh.remote((bytes: Uint8Array) => bytes.length)(ref);
  expect(await mesh.get(sum)).toBe(1_000_000);
  const object = ref.id as string as ObjectId;

  const eve = await RawPeer.dial(started.url);
  eve.hello(started.tokens.submit, { name: "eve" });
  const { peer: self } = await eve.next("welcome");
  eve.say({ type: "hold", objects: [object] }, { type: "locate-object", object });
  const { state } = await eve.next("object-located");
  expect(state).toMatchObject({ object, error: { code: "TICKET_REFUSED" } });

  eve.say({ type: "query", request: 1, what: "peers" });
  const worker = (await eve.next("answer")).peers!.find(({ role }) => role === "worker")!;
  eve.say({ type: "introduce-me", peer: worker.peer });
  const { ticket, directUrl } = await eve.next("introduction");
  const answer = await sayOnLink(
    directUrl!,
    { type: "link-hello", from: self, ticket: ticket! },
    { type: "fetch", object, offset: 0 },
  );
  expect(answer).toMatchObject({ type: "fetch-failed", error: { code: "TICKET_REFUSED" } });

  // She announces a copy that she has not: nobody is sent to her.
  eve.say({ type: "copy-added", object }, { type: "copy-started", object });
  expect(await eve.next("free-objects")).toMatchObject({ objects: [object] });
  await expect
    .poll(async () => (await mesh.peers()).find(({ name }) => name === "eve")?.faults?.last)
    .toMatch(/asked node-1 for .* showed no ticket/);
  using again = mesh.remote((bytes: Uint8Array) => bytes[0])(ref);
  expect(await mesh.get(again)).toBe(7);
  eve.close();
});
