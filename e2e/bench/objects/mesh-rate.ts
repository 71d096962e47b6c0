import type { Mesh } from "manta";
import type { Contender } from "../compare.ts";

export interface Move {
  readonly mesh: Mesh;
  /** Names of the workers. */
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
}

/**
 * A contender that moves an object from worker to worker as programs do: a task has made it on one,
 * and a task on the other takes its ref and reads it. The clock runs from that task's submission to
 * its result. Every round moves an object that is new.
 */
export function movesObject(name: string, { mesh, from, to, sizeBytes }: Move): Contender {
  const make = mesh.remote((size: number) => new Uint8Array(size).fill(7), {
    labels: { name: from },
    name: "make",
  });
  const read = mesh.remote((value: Uint8Array) => [value.byteLength, value.at(-1)], {
    labels: { name: to },
    name: "read",
  });
  return {
    name,
    async round() {
      using made = make(sizeBytes);
      await mesh.wait([made]);
      const startedMs = performance.now();
      using seen = read(made);
      const [byteLength, last] = await mesh.get(seen);
      const tookMs = performance.now() - startedMs;
      if (byteLength !== sizeBytes || last !== 7) throw new Error(`${name}: not what was sent`);
      return sizeBytes / 1_000 / tookMs;
    },
  };
}

/** Counters come with heartbeats, one in five seconds. */
const COUNTERS_MS_MAX = 12_000;
const ASK_AGAIN_MS = 250;

/**
 * By which path `to` got at least so many bytes from `from`, as the mesh counts them.
 * @throws Error if it was another than the row is about, or they came from elsewhere.
 */
export async function expectPath(
  { mesh, from, to, sizeBytes }: Move,
  expected: "websocket" | "webrtc",
): Promise<void> {
  for (const untilMs = performance.now() + COUNTERS_MS_MAX; ;) {
    const peers = await mesh.peers();
    const source = peers.find((peer) => peer.name === from)!.peer;
    const links = peers.find((peer) => peer.name === to)!.links;
    const moved = links
      .filter((link) => link.peer === source && link.path === expected)
      .reduce((sum, link) => sum + link.receivedBytes, 0);
    if (moved >= sizeBytes) return;
    if (performance.now() > untilMs) {
      const told = JSON.stringify(links);
      throw new Error(`${to} did not get ${sizeBytes} bytes of ${from} by ${expected}: ${told}`);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}
