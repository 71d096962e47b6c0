import type { ObjectId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { Outcome } from "./machine/types.ts";

/**
 * An order ends when its result is in the store: until there is room for it the executor counts as
 * busy, so that work does not make more than the store can take.
 */
export class ResultRoom {
  readonly #store: LocalStore;
  readonly #resultOf: (outcome: Outcome) => ObjectId | undefined;

  /** @param resultOf the name of the result, if anybody still waits for it. */
  constructor(store: LocalStore, resultOf: (outcome: Outcome) => ObjectId | undefined) {
    this.#store = store;
    this.#resultOf = resultOf;
  }

  /** Pass an outcome on, as soon as there is room for its value: at once, as a rule. */
  admit(outcome: Outcome, deliver: (outcome: Outcome) => void): void {
    const sizeBytes = outcome.value?.bytes.byteLength ?? 0;
    const object = sizeBytes > INLINE_BYTES_MAX ? this.#resultOf(outcome) : undefined;
    if (object === undefined || this.#store.fits(sizeBytes)) return deliver(outcome);
    const { key, ranForMs } = outcome;
    return void this.#store.reserve(object, sizeBytes, { isKept: true }).then(
      (endReservation) => {
        deliver(outcome);
        endReservation();
      },
      (error: unknown) => deliver({ key, ranForMs, error: toWireError(error) }),
    );
  }
}
