import type { Clock } from "../clock.ts";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import { encodeValue } from "../objects/codec.ts";
import { ActorHost, type CallOutcome } from "../peer/actor-host.ts";
import type { MeshPeer } from "../peer/mesh-peer.ts";
import type { Call } from "../protocol/link-messages.ts";
import type { Define } from "../protocol/messages.ts";
import type { JobKey } from "../protocol/schema.ts";
import { boundedError } from "../protocol/wire-error.ts";
import { ActorKeeper, CHECKPOINT, type SavedState } from "./actor-keeper.ts";
import type { HeldRefs } from "./held-refs.ts";
import type { JobsHere } from "./jobs-here.ts";
import type { MachineEffect, Outcome } from "./machine/types.ts";
import type { ObjectSupply } from "./object-supply.ts";
import { resultOf } from "./results.ts";

export interface HostedActorsOptions {
  readonly peer: MeshPeer;
  readonly clock: Clock;
  readonly supply: ObjectSupply;
  readonly held: HeldRefs;
  readonly jobs: JobsHere;
  /** Have a call run. */
  order(call: Call, caller: PeerId, settle: (outcome: Outcome) => void): void;
  /** Its caller gave the call up that was to have this result. */
  cancel(caller: PeerId, result: ObjectId): void;
  /** Calls of it that were not started are for its next life. */
  leaves(actor: ActorId): void;
  log(text: string): void;
}

/** A caller has so long to take hold of the refs inside an answer, before this worker may let go. */
const HAND_OVER_MS = 10_000;
const NO_ARGUMENTS = encodeValue([]).toBytes();

/** The actors of a worker as others see them: their calls, their answers and their saved states. */
export class HostedActors {
  readonly #options: HostedActorsOptions;
  readonly #host: ActorHost;
  readonly #keeper: ActorKeeper;
  #states = 0;
  #answers = 0;
  #isOver = false;

  constructor(options: HostedActorsOptions) {
    this.#options = options;
    const { peer, clock } = options;
    this.#host = new ActorHost({
      links: peer.links,
      execute: (call, from, done) => this.#execute(call, from, done),
      cancel: (from, result) => options.cancel(from, result),
    });
    this.#keeper = new ActorKeeper({
      clock,
      log: (text) => options.log(text),
      suspend: (actor) => {
        this.#host.suspend(actor);
        options.leaves(actor);
      },
      takeState: (actor) => new Promise((resolve) => this.#takeState(actor, resolve)),
      save: (actor, saved) => this.#save(actor, saved),
    });
  }

  add(actor: ActorId, life: number, define: Define): void {
    this.#host.add(actor, life);
    this.#options.jobs.hosted(actor, define.callable);
    this.#keeper.hosted(actor, life, define);
  }

  drop({
    actor,
    life,
    tell,
    isFinal,
    error,
  }: Extract<MachineEffect, { type: "drop-actor" }>): void {
    this.#host.remove(actor);
    this.#options.jobs.dropped(actor);
    this.#keeper.dropped(actor);
    if (!tell) return;
    const { session } = this.#options.peer;
    session.send({ type: "actor-ended", actor, life, error: boundedError(error), isFinal });
  }

  /** This worker leaves: no more calls, and states that are given in time go with their actors. */
  handOver(): Promise<void> {
    return this.#keeper.handOver();
  }

  end(): void {
    this.#isOver = true;
  }

  #execute(call: Call, caller: PeerId, done: (outcome: CallOutcome) => void): void {
    this.#options.order(call, caller, (outcome) => {
      const { over } = outcome;
      if (over) return done({ sizeBytes: 0, over });
      done(this.#answer(call, caller, outcome));
      return this.#keeper.called(call.actor, call.method, outcome);
    });
  }

  #answer(call: Call, caller: PeerId, outcome: Outcome): CallOutcome {
    const { peer, supply } = this.#options;
    const jobKey = this.#options.jobs.ofActor(call.actor);
    const { error, value } = resultOf(outcome, call.result, supply, { jobKey });
    if (error) return { sizeBytes: 0, error };
    const { inline, ...stored } = value;
    if (value.contained) this.#keepForCaller(value.contained);
    if (!inline) {
      const message = { type: "put-object", object: call.result, holder: caller } as const;
      peer.session.send({ ...message, ...stored, ...jobsOf(jobKey) });
    }
    return value;
  }

  /** Keep refs alive that travel to a caller, who tells the coordinator by another way. */
  #keepForCaller(objects: readonly ObjectId[]): void {
    const { held, clock } = this.#options;
    const holder = `answer ${this.#answers++}`;
    held.hold(holder, objects);
    clock.after(HAND_OVER_MS, () => {
      if (!this.#isOver) held.release(holder, objects);
    });
  }

  #takeState(actor: ActorId, settle: (outcome: Outcome) => void): void {
    const { self } = this.#options.peer;
    const numbers = { lane: 0, sequence: 0, acknowledged: 0 };
    const call = { actor, method: CHECKPOINT, args: NO_ARGUMENTS, result: this.#newStateId() };
    this.#options.order({ type: "call", ...call, ...numbers }, self, settle);
  }

  /** No id that a sequence makes begins with a zero, but for the first. */
  #newStateId(): ObjectId {
    return `${this.#options.peer.self}.0s${(this.#states++).toString(36)}` as ObjectId;
  }

  /** A state becomes an object, which the coordinator holds for the actor. */
  #save(actor: ActorId, { life, outcome, isHandOver }: SavedState): void {
    const { peer, supply, jobs, log } = this.#options;
    const object = this.#newStateId();
    const jobKey = jobs.ofActor(actor);
    const { error, value } = resultOf(outcome, object, supply, { jobKey });
    if (error) return log(`the state of actor ${actor} is not kept: ${error.message}`);
    // A crash of this worker must not take it along.
    const copies = value.inline ? {} : { replicas: 2 };
    const put = { type: "put-object", object, ...value, ...copies, ...jobsOf(jobKey) } as const;
    peer.session.send(put, value.inline?.byteLength ?? 0);
    peer.session.send({ type: "actor-saved", actor, life, object, isHandOver });
    return peer.session.send({ type: "release", objects: [object] });
  }
}

const jobsOf = (jobKey: JobKey | undefined) => (jobKey ? { jobs: [jobKey.job] } : {});
