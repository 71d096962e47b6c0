import type { Clock } from "../clock.ts";
import { invariant, MeshError } from "../errors.ts";
import { executorPrefix, IdSequence, type ActorId, type ObjectId, type PeerId } from "../ids.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { MeshPort, SubmitterMessage } from "../driver/mesh-port.ts";
import type { AnsweredCall, CallRequest } from "../peer/actor-caller.ts";
import type { ObjectState } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { ObjectBytes } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import { cloneable } from "./executor-wire.ts";

/** Who the code of this executor is to the mesh. */
export interface ExecutorIdentity {
  /** The worker: the peer. */
  readonly peer: PeerId;
  readonly executor: number;
}

export interface ExecutorPortOptions {
  readonly clock: Clock;
  send(message: NestedMessage): void;
  hold(objects: readonly ObjectId[]): void;
  release(objects: readonly ObjectId[]): void;
  fetch(object: ObjectId): Promise<ObjectBytes>;
  /** Memory for one big value, shared with the agent if that is possible here. */
  allocate(byteLength: number): ObjectBytes;
}

/** How code inside a task or an actor reaches the mesh: by way of its worker's agent. */
export class ExecutorPort implements MeshPort {
  readonly clock: Clock;
  /** An executor ends at once, with everything in it. */
  readonly ended = new Promise<never>(() => {});
  readonly #options: ExecutorPortOptions;
  readonly #calls = new Map<
    number,
    { resolve(answer: AnsweredCall): void; reject(error: MeshError): void }
  >();
  #identity: { readonly peer: PeerId; readonly ids: IdSequence } | undefined;
  #callsMade = 0;

  constructor(options: ExecutorPortOptions) {
    this.#options = options;
    this.clock = options.clock;
  }

  identify({ peer, executor }: ExecutorIdentity): void {
    this.#identity = { peer, ids: new IdSequence(peer, executorPrefix(peer, executor)) };
  }

  get self(): PeerId {
    invariant(this.#identity, "an executor is told who it is before it runs anything");
    return this.#identity.peer;
  }

  get ids(): IdSequence {
    invariant(this.#identity, "an executor is told who it is before it runs anything");
    return this.#identity.ids;
  }

  /** @throws MeshError `INVALID_ARGUMENT` for what only drivers may do. */
  send(message: SubmitterMessage): void {
    const { type } = message;
    if (type === "create-placement-group" || type === "remove-placement-group") {
      const advice = "make them in the driver, and run what submits tasks inside with { group }";
      throw new MeshError("INVALID_ARGUMENT", `tasks cannot make placement groups: ${advice}`);
    }
    if (message.type === "hold") this.#options.hold(message.objects);
    else if (message.type === "release") this.#options.release(message.objects);
    else this.#options.send({ type: "mesh", message: ownBytes(message) });
  }

  keep(object: ObjectId, value: EncodedValue): void {
    const bytes = this.#options.allocate(value.byteLength);
    value.writeTo(bytes);
    this.#options.send({ type: "keep", object, bytes });
  }

  async fetch({ object }: ObjectState, signal?: AbortSignal): Promise<ObjectBytes> {
    const bytes = await this.#options.fetch(object);
    signal?.throwIfAborted();
    return bytes;
  }

  call(request: CallRequest): Promise<AnsweredCall> {
    const number = this.#callsMade++;
    return new Promise((resolve, reject) => {
      this.#calls.set(number, { resolve, reject });
      const args = cloneable(request.args);
      this.#options.send({ ...request, args, type: "call", request: number });
    });
  }

  /** Whether it was answered meanwhile is not known here. */
  cancelCall(actor: ActorId, result: ObjectId): boolean {
    this.#options.send({ type: "cancel-call", actor, result });
    return true;
  }

  /** The agent's answer to a call. */
  answered(request: number, answer: AnsweredCall | undefined, error?: WireError): void {
    const waiting = this.#calls.get(request);
    this.#calls.delete(request);
    if (answer) waiting?.resolve(answer);
    else waiting?.reject(fromWireError(error!));
  }

  onWaiting(isWaiting: boolean, isOwn: boolean): void {
    this.#options.send(isWaiting ? { type: "blocked", isOwn } : { type: "resumed" });
  }

  forgetActor(actor: ActorId): void {
    this.#options.send({ type: "forget-actor", actor });
  }

  close(): void {
    throw new MeshError("INVALID_ARGUMENT", "a task cannot close the mesh that it runs in");
  }
}

/** Cloning a view of a pooled buffer would clone the pool. */
function ownBytes<Message extends SubmitterMessage>(message: Message): Message {
  if (message.type === "submit") {
    return { ...message, args: cloneable(message.args) };
  }
  if (message.type !== "put-object" || !message.inline) return message;
  return { ...message, inline: cloneable(message.inline) };
}
