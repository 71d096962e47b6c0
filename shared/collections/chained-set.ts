/** An element that knows its places in the sets it is in, one for each kind of set. */
export interface Chained<K> {
  /** Kept by the sets; index it by {@link ChainedSet}'s slot. */
  readonly places: (Place<K> | undefined)[];
}

interface Place<K> {
  readonly set: object;
  readonly element: K;
  previous: Place<K>;
  next: Place<K>;
}

/**
 * A {@link LinkedSet} without a hash table: each element carries its place, so that an element can
 * be in one set per slot at a time. In the scheduler a task is in up to four sets; hashing it into
 * each of them, and growing and shrinking the tables, was a fifth of what a task cost there.
 */
export class ChainedSet<K extends Chained<K>> implements Iterable<K> {
  readonly #slot: number;
  /** Before the first and after the last element, so that no operation has an edge case. */
  readonly #end: Place<K>;
  #size = 0;

  /** @param slot the same for all sets of one kind, and no other kind's. */
  constructor(slot: number) {
    this.#slot = slot;
    const end: { -readonly [Field in keyof Place<K>]?: Place<K>[Field] } = { set: this };
    end.previous = end.next = end as Place<K>;
    this.#end = end as Place<K>;
  }

  get size(): number {
    return this.#size;
  }

  /** The oldest element, or `undefined` if the set is empty. */
  get first(): K | undefined {
    return this.#end.next.element;
  }

  /** The newest element. */
  get last(): K | undefined {
    return this.#end.previous.element;
  }

  has(element: K): boolean {
    return element.places[this.#slot]?.set === this;
  }

  /**
   * Append `element`; if it is already there, it keeps its place.
   * @throws Error if it is in another set of the same slot: a bug.
   */
  add(element: K): void {
    const place = element.places[this.#slot];
    if (place?.set === this) return;
    if (place) throw new Error("the element is in another set of this kind");
    this.#append({ set: this, element, previous: this.#end, next: this.#end });
  }

  /**
   * Insert `element` behind `earlier`, or before all others if that is not there.
   * @throws Error if it is in a set of the same slot: a bug.
   */
  addAfter(element: K, earlier: K | undefined): void {
    if (element.places[this.#slot]) throw new Error("the element is in a set of this kind");
    const at = earlier?.places[this.#slot];
    const previous = at?.set === this ? at : this.#end;
    this.#insert({ set: this, element, previous, next: previous.next });
  }

  delete(element: K): boolean {
    const place = element.places[this.#slot];
    if (place?.set !== this) return false;
    this.#cut(place);
    return true;
  }

  /** Make `element` the newest, whether or not it was there. */
  moveToEnd(element: K): void {
    const place = element.places[this.#slot];
    if (place?.set !== this) return this.add(element);
    if (place.next === this.#end) return;
    this.#cut(place);
    this.#append(place);
  }

  #append(place: Place<K>): void {
    place.previous = this.#end.previous;
    place.next = this.#end;
    this.#insert(place);
  }

  /** Between those that it names as its neighbours. */
  #insert(place: Place<K>): void {
    place.previous.next = place;
    place.next.previous = place;
    place.element.places[this.#slot] = place;
    this.#size += 1;
  }

  #cut(place: Place<K>): void {
    place.previous.next = place.next;
    place.next.previous = place.previous;
    place.element.places[this.#slot] = undefined;
    this.#size -= 1;
  }

  /** The element at hand may be deleted on the way, no other. */
  *[Symbol.iterator](): IterableIterator<K> {
    for (let place = this.#end.next; place !== this.#end; place = place.next) yield place.element;
  }

  /** Newest first. */
  *backwards(): IterableIterator<K> {
    for (let place = this.#end.previous; place !== this.#end; place = place.previous) {
      yield place.element;
    }
  }
}
