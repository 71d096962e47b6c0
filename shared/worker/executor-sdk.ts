import type { CurrentTask } from "../driver/current-task.ts";
import type { Driver } from "../driver/driver.ts";
import { Mesh, type Packaging } from "../driver/mesh.ts";
import { ObjectRef } from "../driver/object-ref.ts";
import { ERROR_CODES, MeshError } from "../errors.ts";
import type { CallableId, TaskId } from "../ids.ts";
import { keyOfDefine } from "../protocol/define-key.ts";
import type { Order } from "./executor-api.ts";
import type { Callables } from "./executor-callables.ts";
import type { OrdersUnderWay } from "./orders-under-way.ts";

/** What the code of an executor that uses the mesh needs of it. */
export interface SdkHost {
  readonly driver: Driver;
  readonly callables: Callables;
  readonly underWay: OrdersUnderWay;
  /** The class of the actor that a call is for. */
  classOf(order: Order): CallableId | undefined;
  /** Whichever actor of the class lives here. */
  actorOf(callable: CallableId): TaskId | undefined;
  /** End an actor when what it runs is done. */
  exitActor(instance: unknown): void;
  loadPackaging(): Promise<Packaging>;
}

/** `manta`, or what bundlers and pages make of it: a served file, or a built one. */
const OUR_SDK = /^(?:.*\/)?(?:manta(?:\.js)?|client\/sdk\/(?:index|browser)\.[jt]s)(?:\?.*)?$/;

/**
 * What `import("manta")` gives inside a task or an actor: the mesh of the job that the code belongs
 * to. A callable belongs to one job, so that is known although one executor serves many jobs.
 */
export class ExecutorSdk {
  readonly #host: SdkHost;
  /** What the code of each callable has defined, so that it is defined once. */
  readonly #defined = new Map<CallableId, Map<string, CallableId>>();

  constructor(host: SdkHost) {
    this.#host = host;
  }

  isMeant(specifier: string): boolean {
    return OUR_SDK.test(specifier);
  }

  /**
   * The module, as the code of this callable sees it.
   * @param began what imports it, if that has not awaited anything yet: later nobody can tell.
   */
  moduleFor(callable: CallableId, began?: Order) {
    const connect = (url?: string): Promise<Mesh> => this.#connect(callable, url);
    const exitActor = (instance: unknown): void => this.#host.exitActor(instance);
    const currentTask = (): CurrentTask => this.#currentTask(callable, began);
    return { connect, currentTask, exitActor, ObjectRef, MeshError, ERROR_CODES };
  }

  #currentTask(callable: CallableId, began: Order | undefined): CurrentTask {
    const { callables, underWay, classOf } = this.#host;
    const order = underWay.find(callable, began, classOf);
    const name = callables.nameOf(callable);
    if (order === "several") {
      const message = `several calls of "${name}" are under way, and which one asks for currentTask is not known: import "manta" before the first await of the method`;
      throw new MeshError("INVALID_ARGUMENT", message);
    }
    if (order) return underWay.viewOf(order, name);
    throw new MeshError(
      "TASK_CANCELLED",
      `what asks for currentTask has ended: a part of "${name}"`,
    );
  }

  forget(callables: readonly CallableId[]): void {
    for (const callable of callables) this.#defined.delete(callable);
  }

  async #connect(callable: CallableId, url: string | undefined): Promise<Mesh> {
    if (url !== undefined) {
      const message = "connect() takes no address here: it gives the mesh that this code runs in";
      throw new MeshError("INVALID_ARGUMENT", message);
    }
    const { driver, loadPackaging } = this.#host;
    const parent = this.#parentOf(callable);
    parent();
    const packaging = await loadPackaging();
    const close = () => Promise.resolve();
    return new Mesh(driver, { packaging, parent, close, defined: this.#definedBy(callable) });
  }

  #parentOf(callable: CallableId): () => TaskId {
    const { callables, underWay, actorOf } = this.#host;
    const currentTask = () => underWay.task?.task;
    const name = callables.nameOf(callable);
    const isActor = callables.definition(callable)?.kind === "actor-class";
    const current = currentTask();
    return () => {
      const parent = isActor ? actorOf(callable) : currentTask();
      // Of tasks the very one: what it left behind when it ended has no say.
      if (parent && (isActor || parent === current)) return parent;
      throw new MeshError(
        "TASK_CANCELLED",
        `${isActor ? "actor" : "task"} "${name}" has ended, and nothing can be submitted in its name; await what it does before it returns`,
      );
    };
  }

  #definedBy(callable: CallableId): Map<string, CallableId> {
    let defined = this.#defined.get(callable);
    if (!defined) {
      defined = new Map();
      const own = this.#host.callables.definition(callable);
      // A function that submits itself is defined already.
      if (own) defined.set(keyOfDefine(own), callable);
      this.#defined.set(callable, defined);
    }
    return defined;
  }
}
