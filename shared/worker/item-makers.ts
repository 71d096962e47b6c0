import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { Driver } from "../driver/driver.ts";
import { encodeValue, type EncodedValue } from "../objects/codec.ts";
import type { WireError } from "../protocol/schema.ts";
import { boundedError, toWireError } from "../protocol/wire-error.ts";
import { assertCarried } from "./carried-refs.ts";
import { userError, type Callables } from "./executor-callables.ts";
import type { Order } from "./executor-api.ts";
import { packItemOrder, unpackItemOrder } from "./item-order.ts";
import { isThenable } from "./thenable.ts";
import type { UnfinishedCalls } from "./unfinished-calls.ts";

/** How long a generator runs on before messages and timers get a turn. */
const SLICE_MS_MAX = 5;

export interface ItemMakersHost {
  readonly clock: Clock;
  /** Send an item; it is one that the mesh has not. */
  item(key: string, index: number, value: EncodedValue): void;
  later(callback: () => void): void;
}

/** What of an executor makes items. */
export interface ItemMakersParts {
  readonly host: ItemMakersHost;
  readonly driver: Pick<Driver, "refs" | "share">;
  readonly callables: Callables;
  readonly unfinished: UnfinishedCalls;
}

/** For people, and what its code is called in stacks. */
interface Called {
  readonly what: string;
  readonly source?: string;
}

/** A task that gives several objects, and what its code came up with. */
interface ItemTask {
  readonly order: Order;
  readonly what: string;
  /** A generator, or an array. */
  readonly result: unknown;
  /** Waits for what user code promised. */
  settled(promised: unknown): Promise<unknown>;
}

/** A generator under way. */
interface Maker {
  /** How many items its reader has taken. */
  taken: number;
  isStopped: boolean;
  wake: (() => void) | undefined;
}

/** A failure that is not what user code threw. */
class ItemFailure extends Error {
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(wire.message);
    this.wire = wire;
  }
}

/** Makes objects of what generators yield, no faster than they are read, and of arrays. */
export class ItemMakers {
  readonly #parts: ItemMakersParts;
  readonly #makers = new Map<string, Maker>();
  /** Tasks that are to make items and were not begun. */
  readonly #waiting = new Map<string, Order>();

  constructor(parts: ItemMakersParts) {
    this.#parts = parts;
  }

  /** The order is here, and will be begun, or {@link forget} is called. */
  expect(order: Order): void {
    this.#waiting.set(order.key, order);
  }

  /** It has its outcome. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  /** @returns how many items there were, or what the task fails with. */
  async make(order: Order, { what, source }: Called, result: unknown): Promise<number | WireError> {
    const { callables, unfinished } = this.#parts;
    const { stream, returns = 0 } = callables.definition(order.callable!) ?? {};
    const settled = (promised: unknown) => unfinished.settled(source, promised);
    const task = { order, what, result, settled };
    const maker: Maker = { taken: 0, isStopped: false, wake: undefined };
    this.#waiting.delete(order.key);
    this.#makers.set(order.key, maker);
    try {
      if (stream) return await this.#drain(task, maker, stream.maxAhead);
      return await this.#split(task, returns);
    } catch (thrown) {
      return thrown instanceof ItemFailure ? thrown.wire : userError(what, thrown);
    } finally {
      this.#makers.delete(order.key);
    }
  }

  /** The reader has taken so many. */
  taken(key: string, taken: number): void {
    const maker = this.#makers.get(key);
    if (maker) {
      maker.taken = Math.max(maker.taken, taken);
      return maker.wake?.();
    }
    const order = this.#waiting.get(key);
    if (!order) return;
    const { from } = unpackItemOrder(order.method!);
    (order as { method: string }).method = packItemOrder({ from, taken });
  }

  /** Nobody wants more: it ends where it is, as by `return`, so that its `finally` blocks run. */
  stop(key: string): void {
    const maker = this.#makers.get(key);
    if (!maker) return;
    maker.isStopped = true;
    maker.wake?.();
  }

  async #drain(
    { order, what, result, settled }: ItemTask,
    maker: Maker,
    maxAhead: number,
  ): Promise<number> {
    const { clock, later } = this.#parts.host;
    const { from, taken = 0 } = unpackItemOrder(order.method!);
    maker.taken = taken;
    const iterator = iteratorOf(result, what);
    let sliceStartedMs = clock.nowMs();
    for (let index = 0; ; index++) {
      while (!maker.isStopped && index - maker.taken >= maxAhead) await woken(maker);
      if (clock.nowMs() - sliceStartedMs > SLICE_MS_MAX) {
        await new Promise<void>((resolve) => later(resolve));
        sliceStartedMs = clock.nowMs();
      }
      if (maker.isStopped) {
        await settled(iterator.return?.());
        throw new ItemFailure({ code: "TASK_CANCELLED", message: `${what} was stopped` });
      }
      const promised = iterator.next();
      const step = isThenable(promised) ? await settled(promised) : promised;
      const { done, value } = step as IteratorResult<unknown>;
      if (done) return index;
      // Of a generator that is not asynchronous, promises are waited for, as `for await` does.
      const item = isThenable(value) ? await settled(value) : value;
      if (index < from) continue;
      try {
        this.#give(order, index, item);
      } catch (error) {
        await settled(iterator.return?.());
        throw new ItemFailure(unusable(`item ${index} of ${what}`, error));
      }
    }
  }

  async #split({ order, what, result, settled }: ItemTask, returns: number): Promise<number> {
    const values = isThenable(result) ? await settled(result) : result;
    if (!Array.isArray(values) || values.length !== returns) {
      const given = Array.isArray(values)
        ? `one of ${values.length}`
        : `no array (${typeof values})`;
      const message = `${what} has { returns: ${returns} }, so it has to return an array of ${returns} values; it returned ${given}`;
      throw new ItemFailure({ code: "INVALID_ARGUMENT", message, details: { returns } });
    }
    const { from } = unpackItemOrder(order.method!);
    for (let index = from; index < returns; index++) {
      try {
        this.#give(order, index, values[index]);
      } catch (error) {
        throw new ItemFailure(unusable(`result ${index} of ${what}`, error));
      }
    }
    return returns;
  }

  #give({ key }: Order, index: number, value: unknown): void {
    const encoded = encodeValue(value, this.#parts.driver.refs);
    assertCarried(encoded.contained.length);
    for (const object of encoded.contained) this.#parts.driver.share(object);
    this.#parts.host.item(key, index, encoded);
  }
}

function iteratorOf(result: unknown, what: string): Iterator<unknown> | AsyncIterator<unknown> {
  const iterable = result as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
  if (iterator) return iterator;
  const message = `${what} was to give a stream, and gave ${typeof result}`;
  throw new ItemFailure({ code: "INVALID_ARGUMENT", message });
}

async function woken(maker: Maker): Promise<void> {
  await new Promise<void>((resolve) => {
    maker.wake = resolve;
  });
  maker.wake = undefined;
}

function unusable(what: string, error: unknown): WireError {
  const wire = toWireError(error);
  const code = MeshError.is(error) ? wire.code : "NOT_ENCODABLE";
  return boundedError({ ...wire, code, message: `${what} cannot be encoded: ${wire.message}` });
}
