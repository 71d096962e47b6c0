import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatBytes, formatCount } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import type { ObjectSummary } from "./state.ts";

const ROWS_MAX = 100;
/** Names listed before “and n more”. */
const LOCATIONS_MAX = 4;

type NameOf = (peer: string) => string;

export class ObjectsTable {
  readonly #table = byId("objects", HTMLTableElement);
  readonly #empty = byId("objects-empty", HTMLElement);
  readonly #more = byId("objects-more", HTMLElement);
  readonly #rows: KeyedList<ObjectSummary>;

  constructor(nameOf: NameOf) {
    this.#rows = new KeyedList<ObjectSummary>(
      byId("object-rows", HTMLTableSectionElement),
      ({ object }) => object,
      (object) => objectRow(object, nameOf),
    );
  }

  show(objects: readonly ObjectSummary[], total: number): void {
    const shown = objects.slice(0, ROWS_MAX);
    this.#rows.show(shown);
    this.#table.hidden = shown.length === 0;
    this.#empty.hidden = shown.length > 0;
    const cut = `${formatCount(shown.length)} of ${formatCount(total)} objects are listed.`;
    setText(this.#more, shown.length > 0 && shown.length < total ? cut : "");
  }
}

const BAD_STATES: readonly string[] = ["failed", "lost", "freed"];

function objectRow({ object }: ObjectSummary, nameOf: NameOf): Row<ObjectSummary> {
  const state = html("span", { class: "chip" });
  const size = html("td", { class: "figure", "data-label": "Size" });
  const holders = html("td", { class: "figure", "data-label": "Holders" });
  const copies = html("td", { class: "wide", "data-label": "Copies at" });
  return {
    element: html(
      "tr",
      {},
      html("th", { scope: "row" }, html("span", { class: "id" }, object)),
      html("td", { "data-label": "State" }, state),
      size,
      holders,
      copies,
    ),
    update(now) {
      setText(state, now.state);
      setAttributes(state, { "data-tone": BAD_STATES.includes(now.state) ? "bad" : "plain" });
      setText(size, formatBytes(now.sizeBytes));
      setText(holders, formatCount(now.holders));
      setText(copies, locationWords(now.locations.map(nameOf)));
    },
  };
}

function locationWords(names: readonly string[]): string {
  if (names.length === 0) return "inline, with the coordinator";
  const rest = names.length - LOCATIONS_MAX;
  return names.slice(0, LOCATIONS_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
