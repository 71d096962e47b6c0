import { LinkedSet } from "../collections/linked-set.ts";
import type { ObjectId } from "../ids.ts";
import type { LocalStore, PinnedBytes } from "../objects/local-store.ts";
import type { ObjectBytes } from "./executor-api.ts";
import type { OrderKey } from "./machine/types.ts";

/** Of the store, for arguments of work that runs or is about to: the rest is for results. */
const PINNED_SHARE_MAX = 0.7;

interface Bundle {
  readonly key: OrderKey;
  readonly objects: ReadonlySet<ObjectId>;
  readonly pins: PinnedBytes[];
  isAdmitted: boolean;
}

/** An object that open orders want. */
interface Wanted {
  /** As far as is known: sizes come with the orders, or with the objects. */
  sizeBytes: number;
  orders: number;
  admittedOrders: number;
  /** Told when the first order that wants it is admitted, or none wants it any more. */
  waiting: (() => void)[];
}

/**
 * Keeps the arguments of orders in memory from when they are fetched until the outcome. All stored
 * arguments of one order are admitted together, oldest order first, so that two orders with half of
 * theirs each cannot wait for each other; a single order may take more than the share.
 */
export class ArgumentPins {
  readonly #store: LocalStore;
  readonly #bundles = new Map<OrderKey, Bundle>();
  readonly #line = new LinkedSet<Bundle>();
  readonly #wanted = new Map<ObjectId, Wanted>();
  #admittedBytes = 0;

  constructor(store: LocalStore) {
    this.#store = store;
  }

  /** An order with stored arguments. */
  open(
    key: OrderKey,
    objects: readonly { readonly object: ObjectId; readonly sizeBytes?: number | undefined }[],
  ): void {
    if (objects.length === 0) return;
    const names = new Set(objects.map(({ object }) => object));
    const bundle: Bundle = { key, objects: names, pins: [], isAdmitted: false };
    for (const { object, sizeBytes } of objects) {
      const size = this.#store.sizeOf(object) ?? sizeBytes;
      if (size !== undefined) this.#sized(object, size);
    }
    for (const object of names) this.#wantedOf(object).orders += 1;
    this.#bundles.set(key, bundle);
    this.#line.add(bundle);
    this.#admit();
  }

  /** An argument that is in memory, which it stays until the order is closed. */
  take(key: OrderKey, object: ObjectId): ObjectBytes | undefined {
    const bundle = this.#bundles.get(key);
    if (!bundle?.isAdmitted) return undefined;
    const pinned = this.#store.pin(object);
    if (!pinned) return undefined;
    bundle.pins.push(pinned);
    this.#sized(object, pinned.bytes.byteLength);
    return pinned.bytes;
  }

  /** Resolves when an order that waits for the object may have it, or none waits any more. */
  whenAdmitted(object: ObjectId): Promise<void> {
    const wanted = this.#wanted.get(object);
    if (!wanted || wanted.admittedOrders > 0) return Promise.resolve();
    return new Promise((resolve) => wanted.waiting.push(resolve));
  }

  /** The order has its outcome, or is given up. */
  close(key: OrderKey): void {
    const bundle = this.#bundles.get(key);
    if (!bundle) return;
    this.#bundles.delete(key);
    this.#line.delete(bundle);
    for (const { unpin } of bundle.pins) unpin();
    for (const object of bundle.objects) this.#leave(object, bundle.isAdmitted);
    this.#admit();
  }

  #admit(): void {
    for (const bundle of this.#line) {
      let moreBytes = 0;
      for (const object of bundle.objects) {
        const { admittedOrders, sizeBytes } = this.#wanted.get(object)!;
        if (admittedOrders === 0) moreBytes += sizeBytes;
      }
      const bytes = this.#admittedBytes + moreBytes;
      const isAlone = this.#admittedBytes === 0 || moreBytes === 0;
      if (!isAlone && bytes > this.#store.bytesMax * PINNED_SHARE_MAX) return;
      this.#line.delete(bundle);
      bundle.isAdmitted = true;
      for (const object of bundle.objects) this.#enter(this.#wanted.get(object)!);
    }
  }

  #enter(wanted: Wanted): void {
    wanted.admittedOrders += 1;
    if (wanted.admittedOrders > 1) return;
    this.#admittedBytes += wanted.sizeBytes;
    for (const resolve of wanted.waiting.splice(0)) resolve();
  }

  #leave(object: ObjectId, isAdmitted: boolean): void {
    const wanted = this.#wanted.get(object)!;
    wanted.orders -= 1;
    if (isAdmitted) {
      wanted.admittedOrders -= 1;
      if (wanted.admittedOrders === 0) this.#admittedBytes -= wanted.sizeBytes;
    }
    if (wanted.orders > 0) return;
    this.#wanted.delete(object);
    for (const resolve of wanted.waiting) resolve();
  }

  #sized(object: ObjectId, sizeBytes: number): void {
    const wanted = this.#wantedOf(object);
    if (wanted.admittedOrders > 0) this.#admittedBytes += sizeBytes - wanted.sizeBytes;
    wanted.sizeBytes = sizeBytes;
  }

  #wantedOf(object: ObjectId): Wanted {
    let wanted = this.#wanted.get(object);
    if (!wanted) {
      wanted = { sizeBytes: 0, orders: 0, admittedOrders: 0, waiting: [] };
      this.#wanted.set(object, wanted);
    }
    return wanted;
  }
}
