import { backOffMs } from "../back-off-ms.ts";
import type { ActorOptions } from "../protocol/actor-options.ts";
import type { CallableId } from "../ids.ts";
import type { Order } from "./executor-api.ts";
import type { Callables } from "./executor-callables.ts";
import { isRetried } from "./retry-on.ts";
import { LeftUncaught } from "./unfinished-calls.ts";

/** What becomes of an order whose code threw. */
export interface Verdict {
  /** Of a call: it is called again after so long, in its place. */
  readonly againAfterMs?: number;
  /** Of a task: the scheduler may try it again, anywhere. */
  readonly isRetryable?: boolean;
  /** More to say about the failure. */
  readonly remark?: string;
}

const NO: Verdict = {};

/**
 * What user code threw, and what its `retryOn` says about it. A task goes back to the scheduler. A call
 * is repeated where it is, in its place among the calls, because nobody else has the actor.
 */
export class ThrownRetries {
  readonly #callables: Callables;
  readonly #calls = new Map<string, number>();

  constructor(callables: Callables) {
    this.#callables = callables;
  }

  /** @param callable its function, or the class of its actor. */
  judge(order: Order, callable: CallableId | undefined, thrown: unknown): Verdict {
    const { kind } = order;
    const define = callable && this.#callables.definition(callable);
    if (!define?.retryOn || (kind !== "task" && kind !== "call")) return NO;
    const error = LeftUncaught.is(thrown) ? thrown.thrown : thrown;
    const isYes = isRetried(define.retryOn, error, (source) =>
      this.#callables.predicate(callable!, source),
    );
    if (typeof isYes === "string") return { remark: isYes };
    if (!isYes) return NO;
    if (kind === "task") return { isRetryable: true };
    const retriesMax = order.retriesMax ?? retriesOfMethod(order, define.actor);
    const failures = (this.#calls.get(order.key) ?? 0) + 1;
    if (retriesMax >= 0 && failures > retriesMax) {
      return failures > 1 ? { remark: `that was attempt ${failures} of ${failures}` } : NO;
    }
    this.#calls.set(order.key, failures);
    return { againAfterMs: backOffMs(failures, Math.random()) };
  }

  /** It has its outcome. */
  ended({ key }: Order): void {
    if (this.#calls.size > 0) this.#calls.delete(key);
  }
}

function retriesOfMethod({ method }: Order, actor: ActorOptions | undefined): number {
  const own = actor?.methods.find(({ name }) => name === method)?.retriesMax;
  return own ?? actor?.retriesMax ?? 0;
}
