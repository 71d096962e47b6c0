import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatBytes, formatCount } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import { MoreRows } from "./more-rows.ts";
import type { ObjectSummary } from "./state.ts";

/** Names listed before “and n more”. */
const LOCATIONS_MAX = 4;

type NameOf = (peer: string) => string;

export class ObjectsTable {
  readonly #table = byId("objects", HTMLTableElement);
  readonly #empty = byId("objects-empty", HTMLElement);
  readonly #more = new MoreRows(byId("objects-more", HTMLElement), "objects", () => this.#draw());
  readonly #rows: KeyedList<ObjectSummary>;
  #objects: readonly ObjectSummary[] = [];

  constructor(nameOf: NameOf) {
    this.#rows = new KeyedList<ObjectSummary>(
      byId("object-rows", HTMLTableSectionElement),
      ({ object }) => object,
      (object) => objectRow(object, nameOf),
    );
  }

  show(objects: readonly ObjectSummary[]): void {
    this.#objects = objects;
    this.#draw();
  }

  #draw(): void {
    this.#rows.show(this.#more.cut(this.#objects));
    this.#table.hidden = this.#objects.length === 0;
    this.#empty.hidden = this.#objects.length > 0;
  }
}

/** Other states are calm: the object is there. */
const TONES: Readonly<Record<string, string>> = { pending: "plain", failed: "bad" };

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
      setAttributes(state, { "data-tone": TONES[now.state] });
      setText(size, formatBytes(now.sizeBytes));
      setText(holders, formatCount(now.holders));
      setText(copies, locationWords(now.locations.map(nameOf)));
    },
  };
}

function locationWords(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const rest = names.length - LOCATIONS_MAX;
  return names.slice(0, LOCATIONS_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
