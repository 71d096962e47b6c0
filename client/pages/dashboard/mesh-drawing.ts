import type { PeerSummary } from "../../../shared/protocol/messages.ts";
import { html, setAttributes, setText, svg } from "../page/elements.ts";
import { plural } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import { drawManta, setSwims } from "../page/manta.ts";
import { edgePath, layOutMesh, type MeshEdge, type MeshNode, type Radius } from "./mesh-layout.ts";

/** A wide picture, and one for a phone: the same dots must stay large enough to tell apart. */
const WIDE = { x: 430, y: 120 };
const NARROW = { x: 190, y: 165 };
const isNarrow = matchMedia("(max-width: 40rem)");
const MANTA_SIZE = 92;
const LABELS_MAX = 12;
/** Room for labels around the outermost nodes. */
const LABEL_X = 90;
const LABEL_Y = 46;
const LABEL_CHARS_MAX = 18;

/**
 * The coordinator in the middle, peers around it, and the paths by which they reach each other. A
 * picture of the table of peers, which says the same in words.
 */
export class MeshDrawing {
  readonly #edges: KeyedList<MeshEdge>;
  readonly #spokes: KeyedList<MeshNode>;
  readonly #nodes: KeyedList<MeshNode>;
  readonly #manta = drawManta();
  readonly #svg: SVGSVGElement;
  readonly #keys = html(
    "p",
    { class: "keys" },
    key("node", "Node worker"),
    key("browser", "browser tab"),
    key("driver", "driver"),
    key("direct", "direct path"),
    key("relay", "relayed path"),
  );
  readonly #note = html("p");

  constructor(parent: Element, legend: Element) {
    const [spokes, edges, nodes] = [svg("g"), svg("g"), svg("g")];
    setAttributes(this.#manta, {
      x: -MANTA_SIZE / 2,
      y: -MANTA_SIZE / 2,
      width: MANTA_SIZE,
      height: MANTA_SIZE,
    });
    this.#svg = svg(
      "svg",
      { class: "mesh", role: "img", "aria-label": "The mesh", viewBox: viewBox(currentRadius()) },
      spokes,
      edges,
      this.#manta,
      nodes,
    );
    this.#spokes = new KeyedList(spokes, ({ peer }) => peer, spokeRow);
    this.#edges = new KeyedList(edges, ({ key }) => key, edgeRow);
    this.#nodes = new KeyedList(nodes, ({ peer }) => peer, nodeRow);
    parent.append(this.#svg);
    this.#keys.hidden = true;
    legend.append(this.#keys, this.#note);
  }

  show(peers: readonly PeerSummary[]): void {
    const radius = currentRadius();
    const { nodes, edges, hidden } = layOutMesh(peers, radius);
    const relayed = edges.filter(({ path }) => path === "relay").length;
    setAttributes(this.#svg, {
      "aria-label":
        `The coordinator and ${plural(peers.length, "peer")}, with ` +
        `${plural(edges.length - relayed, "direct path")} and ${plural(relayed, "relayed path")}.`,
      "data-crowded": nodes.length > LABELS_MAX,
      viewBox: viewBox(radius),
    });
    setSwims(
      this.#manta,
      peers.some((peer) => peer.tasksRunning > 0),
    );
    this.#spokes.show(nodes);
    this.#edges.show(edges);
    this.#nodes.show(nodes);
    this.#keys.hidden = peers.length === 0;
    const more = hidden > 0 ? `and ${plural(hidden, "more peer")}` : "";
    setText(this.#note, peers.length > 0 ? more : "The coordinator waits for its first worker.");
  }
}

const currentRadius = (): Radius => (isNarrow.matches ? NARROW : WIDE);

function viewBox({ x, y }: Radius): string {
  const [left, top] = [-x - LABEL_X, -y - LABEL_Y];
  return `${left} ${top} ${-2 * left} ${-2 * top}`;
}

const key = (kind: string, words: string): Element =>
  html("span", { class: "key", "data-kind": kind }, words);

function spokeRow(): Row<MeshNode> {
  const element = svg("line", { class: "spoke", x1: 0, y1: 0 });
  return { element, update: ({ x, y }) => setAttributes(element, { x2: x, y2: y }) };
}

function edgeRow(): Row<MeshEdge> {
  const element = svg("path", { class: "edge" });
  return {
    element,
    update: (edge) => setAttributes(element, { d: edgePath(edge), "data-path": edge.path }),
  };
}

function nodeRow({ kind }: MeshNode): Row<MeshNode> {
  const shape =
    kind === "browser"
      ? svg("rect", { x: -10, y: -9, width: 20, height: 18, rx: 5 })
      : svg("circle", { r: kind === "driver" ? 8 : 10 });
  const label = svg("text", { "text-anchor": "middle" });
  const element = svg(
    "g",
    { class: "peer", "data-kind": kind },
    svg("circle", { class: "halo", r: 19 }),
    shape,
    label,
  );
  return {
    element,
    update({ x, y, name, busy }) {
      setAttributes(element, { transform: `translate(${x} ${y})`, "data-busy": String(busy) });
      setAttributes(label, { y: y < 0 ? -26 : 36 });
      setText(
        label,
        name.length > LABEL_CHARS_MAX ? `${name.slice(0, LABEL_CHARS_MAX - 1)}…` : name,
      );
    },
  };
}
