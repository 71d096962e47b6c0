import { invariant } from "../../shared/errors.ts";
import type { TaskId } from "../../shared/ids.ts";
import type { PeerMessage } from "../../shared/protocol/messages.ts";
import type { SchedulerState } from "../scheduler/types.ts";

/**
 * Holds the control plane to what a cancel promises: nothing that it reaches is there afterwards, or
 * ever ordered again. Knows who submitted whom from the messages alone.
 */
export class CancelWatch {
  readonly #scheduler: SchedulerState;
  readonly #childrenOf = new Map<TaskId, TaskId[]>();
  readonly #cancelled = new Set<TaskId>();
  /** Ended once: what runs under such a name is made again, for whoever lost it. */
  readonly #ended = new Set<TaskId>();

  constructor(scheduler: SchedulerState) {
    this.#scheduler = scheduler;
  }

  /** Handle a message of a peer, and look at what became of it. */
  around(message: PeerMessage, handle: () => void): void {
    const { tasks } = this.#scheduler;
    if (message.type === "cancel-task") return this.#cancels(message, handle);
    const task = "task" in message && tasks.has(message.task) ? message.task : undefined;
    handle();
    if (task && !tasks.has(task)) this.#ended.add(task);
    if (message.type !== "submit" || !message.parent || !tasks.has(message.task)) return;
    const siblings = this.#childrenOf.get(message.parent);
    if (siblings) siblings.push(message.task);
    else this.#childrenOf.set(message.parent, [message.task]);
  }

  /** The coordinator orders a task to be run. */
  orders(task: TaskId): void {
    invariant(!this.#cancelled.has(task), `${task} was cancelled and is ordered again`);
  }

  #cancels(
    { task, isRecursive }: Extract<PeerMessage, { type: "cancel-task" }>,
    handle: () => void,
  ): void {
    const { tasks } = this.#scheduler;
    const isThere = tasks.has(task) && !this.#ended.has(task);
    const reached = isThere ? [task] : [];
    for (const one of isRecursive ? reached : []) {
      const children = this.#childrenOf.get(one) ?? [];
      reached.push(...children.filter((child) => !this.#ended.has(child) || !tasks.has(child)));
    }
    const alive = reached.filter((one) => tasks.has(one));
    handle();
    for (const one of alive) {
      invariant(!tasks.has(one), `${one} is there after ${task} was cancelled`);
      this.#cancelled.add(one);
    }
  }
}
