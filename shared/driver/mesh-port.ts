import type { Clock } from "../clock.ts";
import type { MeshError } from "../errors.ts";
import type { ActorId, IdSequence, ObjectId, PeerId } from "../ids.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { StoredBytes } from "../objects/local-store.ts";
import type { AnsweredCall, CallRequest } from "../peer/actor-caller.ts";
import type { CoordinatorMessage, ObjectState, PeerMessage } from "../protocol/messages.ts";

/** What a driver, wherever it runs, says to the coordinator. */
export type SubmitterMessage = Extract<
  PeerMessage,
  {
    type:
      | "define"
      | "submit"
      | "cancel-task"
      | "items-taken"
      | "put-object"
      | "promise-object"
      | "hold"
      | "release"
      | "locate-object"
      | "end-actor"
      | "create-placement-group"
      | "remove-placement-group"
      | "query";
  }
>;

/** What it hears. */
export type SubmitterNews = Extract<
  CoordinatorMessage,
  { type: "object-located" | "item-made" | "answer" | "warning" | "refused" }
>;

/**
 * How a driver reaches the mesh. There are two: a session of its own (session-port.ts), and, for
 * code inside a task or an actor, its executor's way to the agent (worker/executor-port.ts).
 */
export interface MeshPort {
  /** The peer whose name new ids bear. */
  readonly self: PeerId;
  readonly ids: IdSequence;
  readonly clock: Clock;
  /** Resolves when nothing more can be sent. */
  readonly ended: Promise<MeshError>;
  /** @param valueBytes size of the values inside the message. */
  send(message: SubmitterMessage, valueBytes?: number): void;
  /**
   * Keep the bytes of an object made here, until it is freed.
   * @throws MeshError `STORE_FULL`, `OBJECT_TOO_LARGE`.
   */
  keep(object: ObjectId, value: EncodedValue): void;
  /**
   * Resolves when the store has made room for what was kept, where it has to.
   * @throws MeshError `STORE_FULL` if it cannot.
   */
  whenStored?(object: ObjectId): Promise<void>;
  /** The bytes of an object that exists. */
  fetch(state: ObjectState, signal?: AbortSignal): Promise<StoredBytes>;
  /**
   * Code waits for objects that are not made yet, or does not any more.
   * @param isOwn one of them is what it has submitted itself.
   */
  onWaiting?(isWaiting: boolean, isOwn: boolean): void;
  call(request: CallRequest): Promise<AnsweredCall>;
  /** Give up a call, by the name of its result. @returns false if it was answered already. */
  cancelCall(actor: ActorId, result: ObjectId): boolean;
  /** No handle to it is left here. */
  forgetActor(actor: ActorId): void;
  close(reason: string): void;
}
