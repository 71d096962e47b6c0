import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { ArgumentPins } from "./argument-pins.ts";
import type { Stimulus } from "./machine-runner.ts";
import { PRIORITY, type ObjectSupply } from "./object-supply.ts";
import type { OrderBook } from "./order-book.ts";

export interface ArgumentFetchesOptions {
  readonly supply: ObjectSupply;
  readonly pins: ArgumentPins;
  readonly orders: OrderBook;
  dispatch(stimulus: Stimulus): void;
}

/** Objects on their way here because orders take them. */
export class ArgumentFetches {
  readonly #options: ArgumentFetchesOptions;
  readonly #fetches = new Map<ObjectId, AbortController>();

  constructor(options: ArgumentFetchesOptions) {
    this.#options = options;
  }

  async start(object: ObjectId): Promise<void> {
    const { supply, pins, orders, dispatch } = this.#options;
    const abort = new AbortController();
    this.#fetches.set(object, abort);
    const isWanted = () => this.#fetches.get(object) === abort && this.#fetches.delete(object);
    try {
      await pins.whenAdmitted(object);
      abort.signal.throwIfAborted();
      const bytes = await supply.get(object, {
        known: orders.whereabouts(object),
        priority: PRIORITY.argument,
        signal: abort.signal,
        onMissed: (error) => dispatch({ type: "object-missed", object, error: toWireError(error) }),
      });
      if (!isWanted()) return;
      orders.arrived(object, bytes);
      dispatch({ type: "object-arrived", object });
    } catch (error) {
      if (!isWanted()) return;
      orders.forgetObject(object);
      dispatch({ type: "object-failed", object, error: toWireError(error) });
    }
  }

  /** No order waits for it any more. */
  stop(object: ObjectId): void {
    this.#fetches.get(object)?.abort(new MeshError("TASK_CANCELLED", "not needed"));
    this.#fetches.delete(object);
    this.#options.orders.forgetObject(object);
  }

  close(reason: MeshError): void {
    for (const abort of this.#fetches.values()) abort.abort(reason);
  }
}
