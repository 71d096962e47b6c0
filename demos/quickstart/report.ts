import type { Mesh } from "manta";

type Peer = Awaited<ReturnType<Mesh["peers"]>>[number];

/** What the table needs of a peer. */
export type PeerRow = Pick<Peer, "role" | "name" | "runtime" | "tasksDone"> & {
  readonly links: readonly Pick<Peer["links"][number], "path" | "receivedBytes">[];
};

const PATHS = ["websocket", "webrtc", "relay"] as const;

/** A peer counts its bytes itself and tells the coordinator every five seconds. */
const COUNTERS_MS_MAX = 6_000;
const ASK_EVERY_MS = 100;

/** All peers, once each has told what it moved up to now. */
export async function peersInTheEnd(mesh: Mesh): Promise<Peer[]> {
  const told = (peers: readonly Peer[]) =>
    new Map(peers.map(({ peer, links }) => [peer, JSON.stringify(links)]));
  const before = told(await mesh.peers());
  const startedMs = performance.now();
  for (;;) {
    const peers = await mesh.peers();
    const after = told(peers);
    const haveAllTold = [...before].every(([peer, links]) => after.get(peer) !== links);
    if (haveAllTold || performance.now() - startedMs > COUNTERS_MS_MAX) return peers;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/**
 * Who ran how many tasks, and how many bytes of objects each received by which path. What one peer
 * received another one sent, so each byte is counted once.
 */
export function resultTable(peers: readonly PeerRow[]): string {
  const header = ["peer", "role", "runtime", "tasks", ...PATHS.map((path) => `${path} MB`)];
  const body = peers.map((peer) => [
    peer.name,
    peer.role,
    peer.runtime,
    peer.role === "worker" ? String(peer.tasksDone) : "-",
    ...PATHS.map((path) => megabytes(receivedBytes([peer], path))),
  ]);
  const total = [
    "all",
    "",
    "",
    String(peers.reduce((sum, { tasksDone }) => sum + tasksDone, 0)),
    ...PATHS.map((path) => megabytes(receivedBytes(peers, path))),
  ];
  const lines = [header, ...body, total];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const print = (line: readonly string[]) =>
    line
      .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("   ")
      .trimEnd();
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 3, -3));
  const caption = "Tasks that each ran, and bytes of objects that each received, by path:";
  return [caption, "", print(header), rule, ...body.map(print), rule, print(total)].join("\n");
}

const receivedBytes = (peers: readonly PeerRow[], path: string): number =>
  peers
    .flatMap(({ links }) => links)
    .reduce((sum, link) => sum + (link.path === path ? link.receivedBytes : 0), 0);

const megabytes = (bytes: number): string => (bytes === 0 ? "-" : (bytes / 1e6).toFixed(1));
