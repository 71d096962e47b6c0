import type { LinkCounters, PeerSummary } from "../../../shared/protocol/messages.ts";
import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatBytes, formatCount, formatDuration, plural } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import { pathWords } from "../page/path-words.ts";

/** A peer's links of one path, as one chip. */
interface LinkGroup {
  readonly path: LinkCounters["path"];
  readonly links: readonly LinkCounters[];
}

type NameOf = (peer: string) => string;

export class PeersTable {
  readonly #table = byId("peers", HTMLTableElement);
  readonly #empty = byId("peers-empty", HTMLElement);
  readonly #rows: KeyedList<PeerSummary>;

  constructor(nameOf: NameOf) {
    this.#rows = new KeyedList<PeerSummary>(
      byId("peer-rows", HTMLTableSectionElement),
      (peer) => peer.peer,
      (peer) => peerRow(peer, nameOf),
    );
  }

  show(peers: readonly PeerSummary[]): void {
    // Peers go on counting what they moved with others that have left; those are no links now.
    const here = new Set(peers.map(({ peer }) => peer));
    this.#rows.show(
      peers.map((peer) => ({ ...peer, links: peer.links.filter((link) => here.has(link.peer)) })),
    );
    this.#table.hidden = peers.length === 0;
    this.#empty.hidden = peers.some((peer) => peer.role === "worker");
  }
}

const FIGURES: readonly (readonly [label: string, show: (peer: PeerSummary) => string])[] = [
  ["Running", (peer) => formatCount(peer.tasksRunning)],
  ["Done", (peer) => formatCount(peer.tasksDone)],
  ["Failed", (peer) => formatCount(peer.tasksFailed)],
  ["Actors", (peer) => formatCount(peer.actors)],
  ["Stored", storedText],
];

function storedText({ storedBytes, spilledBytes = 0 }: PeerSummary): string {
  const stored = formatBytes(storedBytes);
  return spilledBytes > 0 ? `${stored}, ${formatBytes(spilledBytes)} on disk` : stored;
}

function peerRow({ peer, role, runtime }: PeerSummary, nameOf: NameOf): Row<PeerSummary> {
  const name = html("strong");
  const draining = html("span", { class: "chip" }, "draining");
  const kind = role === "driver" ? `driver in ${runtime}` : `${runtime} worker`;
  const head = html(
    "th",
    { scope: "row" },
    name,
    html("span", { class: "soft small" }, `${kind} `, html("span", { class: "id" }, peer)),
    " ",
    draining,
  );
  const figures = FIGURES.map(([label, show]) => {
    const cell = html("td", { class: "figure", "data-label": label });
    return { cell, update: (now: PeerSummary) => setText(cell, show(now)) };
  });
  const links = html("ul", { class: "links" });
  const none = html("span", { class: "soft" }, "none yet");
  const groups = new KeyedList<LinkGroup>(
    links,
    ({ path }) => path,
    () => linkRow(nameOf),
  );
  const connected = html("td", { class: "figure", "data-label": "Connected" });
  return {
    element: html(
      "tr",
      {},
      head,
      ...figures.map(({ cell }) => cell),
      html("td", { class: "wide", "data-label": "Links" }, links, none),
      connected,
    ),
    update(now) {
      setText(name, now.name);
      draining.hidden = now.draining !== true;
      for (const figure of figures) figure.update(now);
      groups.show(groupLinks(now.links));
      none.hidden = now.links.length > 0;
      setText(connected, formatDuration(now.connectedForMs));
    },
  };
}

function groupLinks(links: readonly LinkCounters[]): readonly LinkGroup[] {
  const groups = new Map<LinkCounters["path"], LinkCounters[]>();
  for (const link of links) {
    const group = groups.get(link.path);
    if (group) group.push(link);
    else groups.set(link.path, [link]);
  }
  return [...groups].map(([path, group]) => ({ path, links: group }));
}

const PATH_NAMES = {
  local: "local",
  websocket: "WebSocket",
  webrtc: "WebRTC",
  relay: "",
} as const;

function linkRow(nameOf: NameOf): Row<LinkGroup> {
  const chip = html("span", { class: "chip" });
  const what = html("span", { class: "soft small" });
  const element = html("li", {}, chip, what);
  return {
    element,
    update({ path, links }) {
      const { label, tone } = pathWords(links[0]!);
      const times = links.length > 1 ? ` ×${links.length}` : "";
      setText(chip, `${label}${times}`);
      setAttributes(chip, { "data-tone": tone, "data-path": path });
      const roundTripMs = Math.max(...links.map((link) => link.roundTripMs ?? 0));
      const lanes = Math.max(...links.map((link) => link.lanes ?? 1));
      const bytes = links.reduce((sum, link) => sum + link.sentBytes + link.receivedBytes, 0);
      const reason = path === "relay" ? links.find((link) => link.reason)?.reason : undefined;
      const parts = [
        PATH_NAMES[path],
        lanes > 1 ? plural(lanes, "lane") : "",
        roundTripMs > 0 ? `${formatDuration(roundTripMs)} round trip` : "",
        formatBytes(bytes),
        reason ?? "",
      ].filter(Boolean);
      setText(what, parts.join(", "));
      setAttributes(element, { title: `to ${links.map((link) => nameOf(link.peer)).join(", ")}` });
    },
  };
}
