import type { PeerId } from "../../../shared/ids.ts";
import type { Path, PeerSummary } from "../../../shared/protocol/messages.ts";

export interface MeshNode {
  readonly peer: PeerId;
  readonly name: string;
  readonly kind: "node" | "browser" | "driver";
  readonly busy: boolean;
  readonly x: number;
  readonly y: number;
}

/** A link between two peers that are drawn. */
export interface MeshEdge {
  readonly key: string;
  readonly from: MeshNode;
  readonly to: MeshNode;
  readonly path: Path;
}

export interface MeshLayout {
  readonly nodes: readonly MeshNode[];
  readonly edges: readonly MeshEdge[];
  /** Peers there was no room for. */
  readonly hidden: number;
}

export interface Radius {
  readonly x: number;
  readonly y: number;
}

/** More dots than this say nothing. */
const NODES_MAX = 48;

/**
 * Peers evenly on an ellipse around the coordinator, which is at (0, 0), in the order given. Both
 * ends report a link; it is drawn once.
 */
export function layOutMesh(peers: readonly PeerSummary[], radius: Radius): MeshLayout {
  const shown = peers.slice(0, NODES_MAX);
  const places = spread(shown.length, radius);
  const nodes = new Map<PeerId, MeshNode>();
  for (const [index, peer] of shown.entries()) {
    const { x, y } = places[index]!;
    nodes.set(peer.peer, {
      peer: peer.peer,
      name: peer.name,
      kind: peer.role === "driver" ? "driver" : peer.runtime,
      busy: peer.tasksRunning > 0,
      x,
      y,
    });
  }
  return {
    nodes: [...nodes.values()],
    edges: [...edgesOf(shown, nodes)],
    hidden: peers.length - shown.length,
  };
}

/**
 * Points at equal distances along the ellipse: equal angles would crowd them at its flat ends. From
 * the left, so that two peers stand beside the coordinator and not above and below it.
 */
function spread(count: number, radius: Radius): { x: number; y: number }[] {
  const steps = 720;
  const at = (step: number) => {
    const angle = Math.PI + (2 * Math.PI * step) / steps;
    return { x: radius.x * Math.cos(angle), y: radius.y * Math.sin(angle) };
  };
  const travelled = [0];
  for (let step = 1; step <= steps; step++) {
    const [from, to] = [at(step - 1), at(step)];
    travelled.push(travelled[step - 1]! + Math.hypot(to.x - from.x, to.y - from.y));
  }
  return Array.from({ length: count }, (_, index) => {
    // A hair less, so that rounding does not skip the step that is exactly there.
    const wanted = (travelled[steps]! * index) / count - 1e-6;
    const { x, y } = at(travelled.findIndex((length) => length >= wanted));
    return { x: Math.round(x), y: Math.round(y) };
  });
}

function edgesOf(
  peers: readonly PeerSummary[],
  nodes: ReadonlyMap<PeerId, MeshNode>,
): Iterable<MeshEdge> {
  const edges = new Map<string, MeshEdge>();
  for (const peer of peers) {
    for (const link of peer.links) {
      const from = nodes.get(peer.peer);
      const to = nodes.get(link.peer);
      if (!from || !to || from === to) continue;
      const key = from.peer < to.peer ? `${from.peer} ${to.peer}` : `${to.peer} ${from.peer}`;
      if (!edges.has(key)) edges.set(key, { key, from, to, path: link.path });
    }
  }
  return edges.values();
}

/** A curve between two nodes that keeps clear of the coordinator in the middle. */
export function edgePath({ from, to }: MeshEdge): string {
  const bend = 0.18;
  const x = (from.x + to.x) / 2 - (to.y - from.y) * bend;
  const y = (from.y + to.y) / 2 + (to.x - from.x) * bend;
  return `M${from.x} ${from.y}Q${Math.round(x)} ${Math.round(y)} ${to.x} ${to.y}`;
}
