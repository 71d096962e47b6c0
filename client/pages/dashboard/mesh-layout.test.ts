import { expect, test } from "vitest";
import type { PeerId } from "../../../shared/ids.ts";
import type { Path, PeerSummary } from "../../../shared/protocol/messages.ts";
import { edgePath, layOutMesh } from "./mesh-layout.ts";

const peer = (id: string, links: Record<string, Path> = {}): PeerSummary => ({
  peer: id as PeerId,
  name: id,
  role: "worker",
  runtime: "node",
  tasksRunning: 0,
  tasksDone: 0,
  tasksFailed: 0,
  actors: 0,
  storedBytes: 0,
  links: Object.entries(links).map(([to, path]) => ({
    peer: to as PeerId,
    path,
    sentBytes: 0,
    receivedBytes: 0,
  })),
  connectedForMs: 0,
});
const radius = { x: 200, y: 100 };

test("two peers stand left and right of the coordinator", () => {
  const { nodes } = layOutMesh([peer("a"), peer("b")], radius);
  expect(nodes.map(({ x, y }) => [x, Math.abs(y)])).toEqual([
    [-200, 0],
    [200, 0],
  ]);
});

test("a crowd keeps its distance at the flat ends of the ellipse too", () => {
  const { nodes } = layOutMesh(
    Array.from({ length: 20 }, (_, index) => peer(`p${index}`)),
    radius,
  );
  const gaps = nodes.map((node, index) => {
    const next = nodes[(index + 1) % nodes.length]!;
    return Math.hypot(next.x - node.x, next.y - node.y);
  });
  expect(Math.max(...gaps) / Math.min(...gaps)).toBeLessThan(1.2);
});

test("a link that both ends report is drawn once", () => {
  const { edges } = layOutMesh([peer("a", { b: "webrtc" }), peer("b", { a: "webrtc" })], radius);
  expect(edges.map(({ key, path }) => [key, path])).toEqual([["a b", "webrtc"]]);
});

test("a link to a peer that is not there, or not drawn, is left out", () => {
  expect(layOutMesh([peer("a", { gone: "relay", a: "local" })], radius).edges).toEqual([]);
});

test("a crowd is cut, and the page can say by how many", () => {
  const crowd = Array.from({ length: 60 }, (_, index) => peer(`p${index}`));
  const { nodes, hidden } = layOutMesh(crowd, radius);
  expect([nodes.length, hidden]).toEqual([48, 12]);
});

test("the path between opposite peers does not run through the coordinator", () => {
  const { edges } = layOutMesh([peer("a", { b: "relay" }), peer("b")], radius);
  expect(edgePath(edges[0]!)).toBe("M-200 0Q0 72 200 0");
});
