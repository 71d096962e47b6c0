import { invariant, type ErrorCode } from "../../shared/errors.ts";
import {
  itemOf,
  type ActorId,
  type CallableId,
  type GroupId,
  type ObjectId,
  type TaskId,
} from "../../shared/ids.ts";
import type {
  CoordinatorMessage,
  Define,
  Hello,
  ObjectState,
  Submit,
} from "../../shared/protocol/messages.ts";
import type { CreatePlacementGroup } from "../../shared/protocol/placement-messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { CallAnswer } from "./data-plane.ts";
import { checkFailure, checkSameFate, type Expectation, type KnownActor } from "./expectations.ts";
import { BIG_BYTES, decodeContent, encode, type Content, type Program } from "./program.ts";
import { VirtualPeer, type Mesh } from "./virtual-peer.ts";

/** A task that nobody can run must have been warned of by then. */
const WARNED_MS_MAX = 20_000;

export interface Submission {
  readonly callable: Define;
  readonly program: Program;
  readonly dependencies: readonly Expectation[];
  readonly contained: readonly Expectation[];
  /** Of an actor. */
  readonly naming?: Pick<Submit, "named" | "getIfExists">;
}

/** A stream that this driver reads. */
interface Reading {
  readonly source: Expectation;
  readonly items: number;
  made: number;
  taken: number;
}

/**
 * Submits work, holds refs and lets them go, and checks that each object comes to the one end it
 * may come to. What it does when is {@link DriverPlan}'s.
 */
export class VirtualDriver extends VirtualPeer {
  readonly held = new Map<ObjectId, Expectation>();
  readonly actors = new Map<ActorId, KnownActor>();
  readonly #unsettled = new Map<ObjectId, Expectation>();
  readonly #defined = new Set<CallableId>();
  readonly #onJoined: (driver: VirtualDriver) => void;
  readonly #reading = new Map<TaskId, Reading>();
  /** Results of calls given up with their actor: some may have been stored for this driver. */
  readonly #orphans: ObjectId[] = [];
  #settled = 0;
  #warnings = 0;

  constructor(mesh: Mesh, hello: Hello, onJoined: (driver: VirtualDriver) => void) {
    super(mesh, hello, () => {});
    this.#onJoined = onJoined;
  }

  get settled(): number {
    return this.#settled;
  }

  /** Submitted, and not heard of. */
  get unsettled(): readonly Expectation[] {
    return [...this.#unsettled.values()];
  }

  submit({ callable, program, dependencies, contained, naming }: Submission): Expectation {
    const task = this.newId<TaskId>();
    const object = task as string as ObjectId;
    const isActor = callable.kind === "actor-class";
    for (const arg of [...dependencies, ...contained]) {
      this.#share(arg);
      arg.isPassed = true;
    }
    if (!this.#defined.has(callable.callable)) this.send(callable);
    this.#defined.add(callable.callable);
    this.send({
      type: "submit",
      task,
      callable: callable.callable,
      args: encode(program),
      ...(dependencies.length > 0 ? { dependencies: idsOf(dependencies) } : {}),
      ...(contained.length > 0 ? { contained: idsOf(contained) } : {}),
      ...naming,
    });
    const args = [...dependencies, ...contained];
    const expected = this.#expect(object, isActor ? "actor" : "task", args);
    expected.asked = 1;
    if (program.result === "throws") expected.excuses.add("TASK_FAILED");
    this.#unsettled.set(object, expected);
    this.#expectItems(expected, callable, program);
    if (!isActor) return expected;
    const id = object as string as ActorId;
    const actor = { id, creation: expected, calls: new Set<Expectation>() };
    if (naming?.named) expected.excuses.add("NAME_TAKEN");
    if (naming?.getIfExists) expected.isOpaque = true;
    this.actors.set(id, { ...actor, worker: undefined, life: -1, isOver: false });
    this.send({ type: "locate-actor", actor: id });
    return expected;
  }

  /** It has its places at some time, unless it is removed before. */
  createGroup(about: Pick<CreatePlacementGroup, "strategy" | "bundles">): Expectation {
    const group = this.newId<GroupId>();
    const object = group as string as ObjectId;
    const expected = this.#expect(object, "group", []);
    this.held.delete(object); // It is nothing to hand on.
    this.#unsettled.set(object, expected);
    this.send({ type: "create-placement-group", group, name: "group", ...about });
    return expected;
  }

  /** @param inside what was submitted to it. */
  removeGroup({ object, excuses }: Expectation, inside: readonly Expectation[]): void {
    excuses.add("PLACEMENT_GROUP_REMOVED");
    for (const each of inside) each.excuses.add("PLACEMENT_GROUP_REMOVED").add("ACTOR_DIED");
    this.send({ type: "remove-placement-group", group: object as string as GroupId });
    this.send({ type: "release", objects: [object] });
    // What nobody holds is not told.
    if (this.#unsettled.delete(object)) this.#settled += 1;
  }

  #expectItems(expected: Expectation, { stream, returns = 0 }: Define, program: Program): void {
    const task = expected.object as string as TaskId;
    const { items = 0 } = program;
    if (stream) this.#reading.set(task, { source: expected, made: 0, taken: 0, items });
    for (let index = 0; index < returns; index++) {
      const item = this.#expect(itemOf(task, index), "item", [expected]);
      item.asked = 1;
      this.#unsettled.set(item.object, item);
    }
  }

  /** Each item once, in order, and no more than the stream may be ahead. */
  #onItem({ task, index, state }: Extract<CoordinatorMessage, { type: "item-made" }>): void {
    const stream = this.#reading.get(task);
    if (!stream || !this.held.has(task as string as ObjectId)) {
      return this.send({ type: "release", objects: [state.object] });
    }
    const { object } = state;
    invariant(index === stream.made, `${task} gives item ${index} after ${stream.made}`);
    invariant(object === itemOf(task, index), `item ${index} of ${task} is ${object}`);
    stream.made += 1;
    const item = this.#expect(object, "item", [stream.source]);
    item.state = state;
    const { world } = this.mesh;
    this.after(world.below(2_000), () => {
      stream.taken += 1;
      this.send({ type: "items-taken", task, taken: stream.taken });
      if (this.held.has(object)) this.readHeld(item);
      if (world.prng.chance(1, 2)) this.after(world.below(5_000), () => this.release(item));
    });
  }

  putValue(contained: readonly Expectation[], isBig: boolean, replicas = 1): Expectation {
    for (const inner of contained) {
      this.#share(inner);
      inner.isPassed = true;
    }
    const object = this.newId<ObjectId>();
    const expected = this.#expect(object, "put", contained);
    this.put({ of: object, refs: idsOf(contained) }, isBig, { replicas });
    return expected;
  }

  callActor(actor: KnownActor, program: Program): void {
    const result = this.newId<ObjectId>();
    const expected = this.#expect(result, "call", [actor.creation]);
    expected.isShared = false;
    if (program.result === "throws") expected.excuses.add("TASK_FAILED");
    this.#unsettled.set(result, expected);
    actor.calls.add(expected);
    const { id, life } = actor;
    const call = { actor: id, life, caller: this.self, result, program };
    this.mesh.dataPlane.call(actor.worker!, call, (answer) => this.#onAnswer(expected, answer));
  }

  endActor(actor: KnownActor, restart = false): void {
    actor.creation.excuses.add("ACTOR_DIED").add("TASK_CANCELLED").add("ACTOR_UNAVAILABLE");
    this.send({ type: "end-actor", actor: actor.id, ...(restart ? { restart } : {}) });
  }

  /** End what has outlived its own driver. */
  endForeign(actor: ActorId): void {
    this.send({ type: "end-actor", actor });
  }

  cancel(expected: Expectation): void {
    expected.excuses.add("TASK_CANCELLED").add("ACTOR_DIED");
    const task = expected.object as string as TaskId;
    this.send({
      type: "cancel-task",
      task,
      isRecursive: this.mesh.world.prng.chance(2, 3),
      isForced: this.mesh.world.prng.chance(1, 4),
    });
  }

  release(expected: Expectation): void {
    // Nothing but this driver keeps the refs inside the answer of an actor alive.
    const [outer] = expected.args;
    const isKept = expected.kind === "inner" && outer?.kind === "call";
    if (expected.reads > 0 || (isKept && this.held.has(outer.object))) return;
    if (!this.held.has(expected.object)) return;
    this.#stopReading(expected);
    this.held.delete(expected.object);
    if (expected.isShared) this.send({ type: "release", objects: [expected.object] });
  }

  /** A stream that nobody reads is stopped by itself, unless others wait for its end. */
  #stopReading(expected: Expectation): void {
    const isStream = this.#reading.delete(expected.object as string as TaskId);
    if (!isStream || !this.#unsettled.has(expected.object)) return;
    const isExplicit = expected.isPassed === true || this.mesh.world.prng.chance(1, 2);
    expected.excuses.add("TASK_CANCELLED");
    if (isExplicit) this.cancel(expected);
  }

  releaseOrphans(): void {
    const objects = this.#orphans.splice(0);
    if (objects.length > 0) this.send({ type: "release", objects });
  }

  /** Get the value of a held object, and check it. */
  readHeld(expected: Expectation): void {
    if (expected.isOpaque) return;
    expected.reads += 1;
    const go = (state: ObjectState) =>
      this.read(state, (outcome) => this.#wasRead(expected, outcome));
    if (expected.state) return go(expected.state);
    if (!expected.isShared) return void (expected.reads -= 1);
    expected.asked += 1;
    this.locate(expected.object, go);
  }

  /** Give up what nobody can ever run; it must have been warned of. */
  cancelHopeless(
    isHopeless: (callable: CallableId) => boolean,
    callableOf: Map<ObjectId, CallableId>,
  ) {
    for (const expected of this.unsettled) {
      const callable = callableOf.get(expected.object);
      if (!callable || !isHopeless(callable)) continue;
      const waitedMs = this.mesh.world.nowMs - expected.submittedMs;
      const isFree = expected.args.length === 0;
      invariant(
        !isFree || waitedMs < WARNED_MS_MAX || this.#warnings > 0,
        `${expected.object} waited ${waitedMs} ms for a worker that will never come, unwarned`,
      );
      this.cancel(expected);
    }
  }

  protected override onWelcome(): void {
    this.#onJoined(this);
  }

  protected override onMessage(message: CoordinatorMessage): void {
    if (message.type === "warning") this.#warnings += 1;
    else if (message.type === "object-located") this.#onState(message.state);
    else if (message.type === "item-made") this.#onItem(message);
    else if (message.type === "actor-located") this.#onActor(message);
  }

  override call(): void {
    invariant(false, "a driver hosts no actors");
  }

  #expect(object: ObjectId, kind: Expectation["kind"], args: readonly Expectation[]): Expectation {
    const expected: Expectation = {
      object,
      kind,
      excuses: new Set<ErrorCode>(),
      args,
      submittedMs: this.mesh.world.nowMs,
      state: undefined,
      isShared: true,
      reads: 0,
      asked: 0,
    };
    this.held.set(object, expected);
    return expected;
  }

  /** The result of a call leaves this driver: the coordinator must know of it. */
  #share(expected: Expectation): void {
    if (expected.isShared) return;
    expected.isShared = true;
    const { object, state } = expected;
    if (!state) this.send({ type: "promise-object", object });
    else this.#fulfil(expected, state);
  }

  #fulfil({ object }: Expectation, { inline, error }: ObjectState): void {
    const refs = inline ? decodeContent(inline).refs : [];
    this.send({
      type: "put-object",
      object,
      sizeBytes: inline?.byteLength ?? 0,
      ...(error ? { error } : inline ? { inline } : {}),
      ...(refs.length > 0 ? { contained: [...refs] } : {}),
    });
    // Whoever makes an object holds it; this one may be unwanted by now.
    if (!this.held.has(object)) this.send({ type: "release", objects: [object] });
  }

  #onState(state: ObjectState): void {
    const expected = this.#unsettled.get(state.object) ?? this.held.get(state.object);
    if (!expected) return;
    if (expected.state) checkSameFate(expected.state, state);
    if (this.#unsettled.has(state.object)) this.#settle(expected, state);
    else expected.state = state;
  }

  #settle(expected: Expectation, state: ObjectState): void {
    invariant(this.#unsettled.delete(expected.object), `${expected.object} settled twice`);
    this.#settled += 1;
    expected.state = state;
    const stream = this.#reading.get(expected.object as string as TaskId);
    if (stream && !state.error) {
      const { made, items } = stream;
      invariant(made === items, `${expected.object} ended with ${made} of its ${items} items`);
    }
    if (state.error) checkFailure(this.mesh.world, expected, state.error.code);
    else if (state.inline && expected.kind !== "group") this.readHeld(expected);
  }

  #wasRead(expected: Expectation, outcome: Content | WireError): void {
    expected.reads -= 1;
    if ("code" in outcome) return checkFailure(this.mesh.world, expected, outcome.code);
    invariant(outcome.of === expected.object, `${expected.object} has the value of ${outcome.of}`);
    if (!this.held.has(expected.object)) return;
    for (const ref of outcome.refs) {
      if (this.held.has(ref)) continue;
      this.send({ type: "hold", objects: [ref] });
      this.#expect(ref, "inner", [expected]);
    }
  }

  #onActor(message: Extract<CoordinatorMessage, { type: "actor-located" }>): void {
    const actor = this.actors.get(message.actor);
    if (!actor) return;
    if (message.sameAs) return void this.actors.delete(actor.id);
    const { worker, life = 0, error: end } = message;
    actor.worker = worker;
    if (!end) {
      if (life > actor.life) this.#giveUpCalls(actor, "ACTOR_UNAVAILABLE", "it lives again");
      actor.life = life;
      return;
    }
    actor.isOver = true;
    this.actors.delete(actor.id);
    this.#giveUpCalls(actor, "ACTOR_DIED", end.message);
  }

  /** This life of the actor is over: what was not answered will not be. */
  #giveUpCalls(actor: KnownActor, code: ErrorCode, message: string): void {
    const error = { code, message };
    for (const call of actor.calls) {
      const { object, state } = call;
      if (!state) {
        if (call.isShared) this.#fulfil(call, { object, error });
        this.#orphans.push(object);
        this.#settle(call, { object, error });
      } else if (!state.inline && !state.error) {
        // Its worker may have gone before it could tell the coordinator of this big result.
        call.excuses.add("OBJECT_LOST");
        this.#fulfil(call, { object, error: { ...error, code: "OBJECT_LOST" } });
      }
    }
    actor.calls.clear();
  }

  #onAnswer(call: Expectation, { inline, error }: CallAnswer): void {
    const { object } = call;
    if (!this.#unsettled.has(object)) return; // It was given up with its actor.
    const isBig = !inline && !error;
    const wasShared = call.isShared;
    if (isBig && !wasShared) {
      // Made known by its maker too; whichever comes first, this hold can be released.
      call.isShared = true;
      this.send({ type: "promise-object", object });
      if (!this.held.has(object)) this.send({ type: "release", objects: [object] });
    }
    const state: ObjectState = isBig
      ? { object, sizeBytes: BIG_BYTES, locations: [] }
      : { object, ...(error ? { error } : { inline: encode(inline!) }) };
    if (wasShared && !isBig) this.#fulfil(call, state);
    this.#settle(call, state);
  }
}

const idsOf = (all: readonly Expectation[]): ObjectId[] => all.map(({ object }) => object);
