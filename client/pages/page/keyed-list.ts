/** One row of a {@link KeyedList}: its element, and how to show newer data in it. */
export interface Row<Item> {
  readonly element: Element;
  update(item: Item): void;
}

/**
 * Keeps a container's children in step with a list that is fetched again every second. An element
 * stays the same, and stays in place, as long as its item does: focus, selection and what is
 * unfolded survive every update.
 */
export class KeyedList<Item> {
  readonly #parent: Element;
  readonly #keyOf: (item: Item) => string;
  readonly #create: (item: Item) => Row<Item>;
  readonly #rows = new Map<string, Row<Item>>();

  constructor(parent: Element, keyOf: (item: Item) => string, create: (item: Item) => Row<Item>) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#create = create;
  }

  show(items: readonly Item[]): void {
    const wanted = new Set(items.map(this.#keyOf));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let cursor = this.#parent.firstElementChild;
    for (const item of items) {
      const row = this.#rowOf(item);
      row.update(item);
      if (row.element === cursor) cursor = cursor.nextElementSibling;
      else this.#parent.insertBefore(row.element, cursor);
    }
  }

  #rowOf(item: Item): Row<Item> {
    const key = this.#keyOf(item);
    let row = this.#rows.get(key);
    if (!row) {
      row = this.#create(item);
      this.#rows.set(key, row);
    }
    return row;
  }
}
