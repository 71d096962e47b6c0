import { createHash } from "node:crypto";
import { startMesh, type Mesh, type ObjectRef } from "manta";
import type { Row } from "../suite.ts";

const RECEIVERS = 8;
const SIZE_BYTES = 64 * 2 ** 20;
const MIB = 2 ** 20;

export const broadcast: Row = {
  name: "broadcast",
  measures:
    "64 MiB from this process to 8 Node workers at once; receivers pass on what they have while they receive.",
  peer: "8 such objects sent one after the other, each to another worker",
  async *run() {
    const { mesh } = await startMesh({ workers: RECEIVERS, cpus: 1, name: "source" });
    try {
      const Receiver = mesh.actor(
        class {
          take(bytes: Uint8Array) {
            return bytes.length;
          }

          async digest(bytes: Uint8Array) {
            const digest = await crypto.subtle.digest("SHA-256", bytes.slice());
            return [...new Uint8Array(digest)]
              .map((byte) => byte.toString(16).padStart(2, "0"))
              .join("");
          }
        },
        { cpus: 1 },
      );
      const receivers = Array.from({ length: RECEIVERS }, () => Receiver.create());
      await mesh.get(receivers.map((receiver) => receiver.take(new Uint8Array(1))));
      const oneByOneMs = await timed(async () => {
        for (const [n, receiver] of receivers.entries()) {
          using ref = await mesh.put(contentOf(n));
          await mesh.get(receiver.take(ref));
        }
      });
      const before = await sentBySource(mesh);
      const content = contentOf(RECEIVERS);
      using ref: ObjectRef<Uint8Array> = await mesh.put(content);
      const broadcastMs = await timed(() =>
        mesh.get(receivers.map((receiver) => receiver.take(ref))),
      );
      const sentBytes = await settled(mesh, before.totalBytes + RECEIVERS * SIZE_BYTES);
      const digests = await mesh.get(receivers.map((receiver) => receiver.digest(ref)));
      const expected = createHash("sha256").update(content).digest("hex");
      const right = digests.filter((digest) => digest === expected).length;
      yield { name: "broadcast", value: broadcastMs, unit: "ms" };
      yield { name: "broadcast_one_by_one", value: oneByOneMs, unit: "ms" };
      yield { name: "broadcast_vs_one_by_one", value: oneByOneMs / broadcastMs, unit: "ratio" };
      yield {
        name: "broadcast_source_copies",
        value: (sentBytes - before.sourceBytes) / SIZE_BYTES,
        unit: "copies",
        target: { below: 2.0001 },
        note: "bytes that left the source, by the receivers' counters of what arrived from it",
      };
      yield {
        name: "broadcast_right_hashes",
        value: right,
        unit: "peers",
        target: { atLeast: RECEIVERS },
      };
    } finally {
      await mesh.close();
    }
  },
};

/** Different in every object, and not all alike inside. */
function contentOf(seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(SIZE_BYTES / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2_654_435_761) ^ seed;
  return new Uint8Array(words.buffer);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** What workers have received: of all, and of that from the source. */
async function sentBySource(mesh: Mesh): Promise<{ totalBytes: number; sourceBytes: number }> {
  const peers = await mesh.peers();
  const source = peers.find(({ name }) => name === "source")!.peer;
  const links = peers.flatMap((peer) => (peer.peer === source ? [] : peer.links));
  const sum = (bytes: number, { receivedBytes }: { receivedBytes: number }) =>
    bytes + receivedBytes;
  return {
    totalBytes: links.reduce(sum, 0),
    sourceBytes: links.filter(({ peer }) => peer === source).reduce(sum, 0),
  };
}

/** Counters come with heartbeats. @returns what the source had sent when all had arrived. */
async function settled(mesh: Mesh, totalBytes: number): Promise<number> {
  for (;;) {
    const sent = await sentBySource(mesh);
    if (sent.totalBytes >= totalBytes - MIB) return sent.sourceBytes;
  }
}
