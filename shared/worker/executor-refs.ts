import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ActorId, ObjectId } from "../ids.ts";
import type { RefCodec, WireRef } from "../objects/codec.ts";

/** What handles inside an executor can ask of the mesh. */
export interface RefMesh {
  /** The value behind a ref, decoded. */
  get(object: ObjectId): Promise<unknown>;
  hold(objects: readonly ObjectId[]): void;
  release(objects: readonly ObjectId[]): void;
}

/**
 * A ref inside an executor: user code can read it, return it or pass it on. Not a thenable, like
 * every ref: an `async` function that returned one would fetch it by accident.
 */
export class ExecutorRef<T = unknown> {
  readonly id: ObjectId;
  readonly #get: (timeoutMs?: number) => Promise<unknown>;

  constructor(id: ObjectId, get: (timeoutMs?: number) => Promise<unknown>) {
    this.id = id;
    this.#get = get;
  }

  /**
   * @throws MeshError `TIMEOUT` after `timeoutMs`; else what the object failed with.
   */
  get(options: { readonly timeoutMs?: number } = {}): Promise<T> {
    return this.#get(options.timeoutMs) as Promise<T>;
  }
}

/** The handles user code holds in one executor: makes them, knows them again, reports them. */
export class RefTable implements RefCodec {
  readonly #mesh: RefMesh;
  readonly #clock: Clock;
  readonly #wireRefs = new WeakMap<object, WireRef>();
  readonly #holds = new Map<ObjectId, number>();
  readonly #collected = new FinalizationRegistry<ObjectId>((object) => this.#letGo(object));
  #fresh: ExecutorRef[] = [];
  #released: ObjectId[] = [];

  constructor(mesh: RefMesh, clock: Clock) {
    this.#mesh = mesh;
    this.#clock = clock;
  }

  toWire(value: object): WireRef | undefined {
    return this.#wireRefs.get(value);
  }

  fromWire(wire: WireRef): unknown {
    if (wire.kind === "actor") return this.#actorHandle(wire);
    const ref = new ExecutorRef(wire.object, (timeoutMs) => this.#get(wire.object, timeoutMs));
    this.#wireRefs.set(ref, wire);
    this.#fresh.push(ref);
    return ref;
  }

  /**
   * Report the refs that were decoded since the last call, except those for which `isGone` holds.
   * Call it before user code sees them.
   */
  holdFresh(isGone: (ref: ExecutorRef) => boolean): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh;
    this.#fresh = [];
    const first: ObjectId[] = [];
    for (const ref of fresh) {
      if (isGone(ref)) continue;
      const holds = this.#holds.get(ref.id) ?? 0;
      if (holds === 0) first.push(ref.id);
      this.#holds.set(ref.id, holds + 1);
      this.#collected.register(ref, ref.id);
    }
    if (first.length > 0) this.#mesh.hold(first);
  }

  #letGo(object: ObjectId): void {
    const holds = (this.#holds.get(object) ?? 1) - 1;
    if (holds > 0) {
      this.#holds.set(object, holds);
      return;
    }
    this.#holds.delete(object);
    // The engine calls back once per ref; one message per turn is enough.
    if (this.#released.push(object) === 1) this.#clock.after(0, () => this.#reportReleased());
  }

  #reportReleased(): void {
    const released = this.#released.filter((object) => !this.#holds.has(object));
    this.#released = [];
    if (released.length > 0) this.#mesh.release(released);
  }

  async #get(object: ObjectId, timeoutMs?: number): Promise<unknown> {
    const value = this.#mesh.get(object);
    if (timeoutMs === undefined) return value;
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      const message = `object ${object} did not arrive within ${timeoutMs} ms`;
      cancel = this.#clock.after(timeoutMs, () => reject(new MeshError("TIMEOUT", message)));
    });
    return Promise.race([value, late]).finally(cancel);
  }

  #actorHandle(wire: Extract<WireRef, { kind: "actor" }>): object {
    const handle: Record<string, unknown> = { id: wire.actor };
    for (const method of wire.methods) {
      handle[method] = () => {
        throw callFromInside(wire.actor, method);
      };
    }
    this.#wireRefs.set(handle, wire);
    return Object.freeze(handle);
  }
}

const callFromInside = (actor: ActorId, method: string): MeshError =>
  new MeshError(
    "INVALID_ARGUMENT",
    `"${method}" of actor ${actor} was called inside a task: that is not supported yet. ` +
      "Return what the call needs, and call the actor from the driver",
    { actor, method },
  );
