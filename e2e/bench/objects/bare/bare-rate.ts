import type { Contender } from "../../compare.ts";
import { BareChild } from "./child.ts";
import type { ChannelEnd } from "./channel-pair.ts";

/** A contender that moves one buffer by a bare channel: megabytes per second. */
export const bareChannel = (
  name: string,
  { from, to, sizeBytes }: { from: ChannelEnd; to: ChannelEnd; sizeBytes: number },
): Contender => ({
  name,
  async round() {
    const startedMs = performance.now();
    const received = to.received();
    await from.send(sizeBytes);
    await received;
    return sizeBytes / 1_000 / (performance.now() - startedMs);
  },
});

/** The same by a bare `ws` between two processes of its own. */
export async function bareSocket(
  name: string,
  { sizeBytes, messageBytes }: { sizeBytes: number; messageBytes: number },
): Promise<Contender & { close(): void }> {
  const program = new URL("./socket-process.js", import.meta.url);
  const sender = new BareChild(program, ["sender", String(messageBytes)]);
  const { port } = await sender.hear("port");
  const receiver = new BareChild(program, ["receiver", String(port)]);
  await sender.hear("open");
  return {
    name,
    async round() {
      const startedMs = performance.now();
      sender.tell({ type: "send", sizeBytes });
      await receiver.hear("received");
      return sizeBytes / 1_000 / (performance.now() - startedMs);
    },
    close() {
      sender.close();
      receiver.close();
    },
  };
}
