import type { ActorId, ObjectId, PeerId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { Content, Program } from "./program.ts";
import type { World } from "./world.ts";

/** A source that sends nothing for so long is given up. */
const STALLED_MS_MAX = 15_000;

export interface ActorCall {
  readonly actor: ActorId;
  /** The life that it is for: it runs in that one or not at all. */
  readonly life: number;
  readonly caller: PeerId;
  readonly result: ObjectId;
  readonly program: Program;
}

export interface CallAnswer {
  readonly error?: WireError;
  /** The value, if it is small; else it is in the answering peer's store. */
  readonly inline?: Content;
}

/** What other peers reach of a peer. */
export interface Endpoint {
  /** Run when the peer's process next gets to it: never, if it has crashed. */
  wake(run: () => void): void;
  contentOf(object: ObjectId): Content | undefined;
  call(call: ActorCall, answer: (answer: CallAnswer) => void): void;
}

/** The direct links between peers: late, and gone with either of them. */
export class DataPlane {
  readonly #world: World;
  readonly #endpoints = new Map<PeerId, Endpoint>();
  /** Whose state each checkpoint is: nobody else may be restored from it. */
  readonly states = new Map<ObjectId, ActorId>();

  constructor(world: World) {
    this.#world = world;
  }

  open(peer: PeerId, endpoint: Endpoint): void {
    this.#endpoints.set(peer, endpoint);
  }

  close(peer: PeerId): void {
    this.#endpoints.delete(peer);
  }

  /** @param done gets `undefined` if that peer does not have it, or does not answer. */
  fetch(
    to: Endpoint,
    from: PeerId,
    object: ObjectId,
    done: (content: Content | undefined) => void,
  ): void {
    let isDone = false;
    const finish = (content: Content | undefined) =>
      to.wake(() => {
        if (isDone) return;
        isDone = true;
        done(content);
      });
    this.#world.after(STALLED_MS_MAX, () => finish(undefined));
    this.#world.after(this.#world.latencyMs(), () => {
      const source = this.#endpoints.get(from);
      if (!source) return finish(undefined);
      source.wake(() => {
        const content = source.contentOf(object);
        this.#world.after(this.#world.latencyMs(), () => finish(content));
      });
    });
  }

  /** At most once: if the callee goes, there is no answer. */
  call(to: PeerId, call: ActorCall, answered: (answer: CallAnswer) => void): void {
    this.#world.after(this.#world.latencyMs(), () => {
      const callee = this.#endpoints.get(to);
      callee?.wake(() => {
        callee.call(call, (answer) => {
          this.#world.after(this.#world.latencyMs(), () => {
            const caller = this.#endpoints.get(call.caller);
            caller?.wake(() => answered(answer));
          });
        });
      });
    });
  }
}
