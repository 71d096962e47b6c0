/** An element that knows its places in the sets it is in, one for each kind of set. */
export interface Chained {
  /**
   * Kept by the sets. For each slot {@link PLACE_WORDS} that are `undefined` at first: the set, and
   * the elements before and behind. All in one array, because an object for each place was a fifth
   * of what a task took in memory.
   */
  readonly places: (object | undefined)[];
}

/** What each slot takes of `places`. */
export const PLACE_WORDS = 3;
const PREVIOUS = 1;
const NEXT = 2;

/**
 * A {@link LinkedSet} without a hash table: each element carries its place, so that an element can
 * be in one set per slot at a time. In the scheduler a task is in up to four sets; hashing it into
 * each of them, and growing and shrinking the tables, was a fifth of what a task cost there.
 */
export class ChainedSet<K extends Chained> implements Iterable<K> {
  /** Where in `places` the set is named; the neighbours are behind it. */
  readonly #at: number;
  #first: K | undefined;
  #last: K | undefined;
  #size = 0;

  /** @param slot the same for all sets of one kind, and for kinds of which an element is in one at a time. */
  constructor(slot: number) {
    this.#at = slot * PLACE_WORDS;
  }

  get size(): number {
    return this.#size;
  }

  /** The oldest element, or `undefined` if the set is empty. */
  get first(): K | undefined {
    return this.#first;
  }

  /** The newest element. */
  get last(): K | undefined {
    return this.#last;
  }

  has(element: K): boolean {
    return element.places[this.#at] === this;
  }

  /**
   * Append `element`; if it is already there, it keeps its place.
   * @throws Error if it is in another set of the same slot: a bug.
   */
  add(element: K): void {
    const set = element.places[this.#at];
    if (set === this) return;
    if (set) throw new Error("the element is in another set of this kind");
    this.#insert(element, this.#last);
  }

  /**
   * Insert `element` behind `earlier`, or before all others if that is not there.
   * @throws Error if it is in a set of the same slot: a bug.
   */
  addAfter(element: K, earlier: K | undefined): void {
    if (element.places[this.#at]) throw new Error("the element is in a set of this kind");
    this.#insert(element, earlier && this.has(earlier) ? earlier : undefined);
  }

  delete(element: K): boolean {
    if (element.places[this.#at] !== this) return false;
    this.#cut(element);
    return true;
  }

  /** Make `element` the newest, whether or not it was there. */
  moveToEnd(element: K): void {
    if (element.places[this.#at] !== this) return this.add(element);
    if (element === this.#last) return;
    this.#cut(element);
    this.#insert(element, this.#last);
  }

  /** Behind `previous`, or before all others. */
  #insert(element: K, previous: K | undefined): void {
    const at = this.#at;
    const next = previous ? (previous.places[at + NEXT] as K | undefined) : this.#first;
    const { places } = element;
    places[at] = this;
    places[at + PREVIOUS] = previous;
    places[at + NEXT] = next;
    if (previous) previous.places[at + NEXT] = element;
    else this.#first = element;
    if (next) next.places[at + PREVIOUS] = element;
    else this.#last = element;
    this.#size += 1;
  }

  #cut({ places }: K): void {
    const at = this.#at;
    const previous = places[at + PREVIOUS] as K | undefined;
    const next = places[at + NEXT] as K | undefined;
    if (previous) previous.places[at + NEXT] = next;
    else this.#first = next;
    if (next) next.places[at + PREVIOUS] = previous;
    else this.#last = previous;
    places[at] = places[at + PREVIOUS] = places[at + NEXT] = undefined;
    this.#size -= 1;
  }

  /** The element at hand may be deleted on the way, no other. */
  *[Symbol.iterator](): IterableIterator<K> {
    const at = this.#at + NEXT;
    for (let element = this.#first; element;) {
      const next = element.places[at] as K | undefined;
      yield element;
      element = this.has(element) ? (element.places[at] as K | undefined) : next;
    }
  }

  /** Newest first. */
  *backwards(): IterableIterator<K> {
    for (let element = this.#last; element;) {
      yield element;
      element = element.places[this.#at + PREVIOUS] as K | undefined;
    }
  }
}
