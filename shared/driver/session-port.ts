import type { Clock } from "../clock.ts";
import type { MeshError } from "../errors.ts";
import { IdSequence, type ActorId, type ObjectId, type PeerId } from "../ids.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { LocalStore, StoredBytes } from "../objects/local-store.ts";
import { ActorCaller, type AnsweredCall, type CallRequest } from "../peer/actor-caller.ts";
import { ActorLocator } from "../peer/actor-locator.ts";
import { Heartbeats } from "../peer/heartbeats.ts";
import { MeshPeer, type MeshPeerOptions, type PeerBusiness } from "../peer/mesh-peer.ts";
import type { ObjectState } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import { ObjectSupply } from "../worker/object-supply.ts";
import type { MeshPort, SubmitterMessage, SubmitterNews } from "./mesh-port.ts";

/** A driver's own place in the mesh: a session, links to other peers, and a store. */
export class SessionPort implements MeshPort {
  readonly peer: MeshPeer;
  readonly ids: IdSequence;
  readonly clock: Clock;
  readonly ended: Promise<MeshError>;
  readonly #store: LocalStore;
  readonly #supply: ObjectSupply;
  readonly #locator: ActorLocator;
  readonly #caller: ActorCaller;
  readonly #heartbeats: Heartbeats;

  /** @throws MeshError what the coordinator refused this driver for. */
  static async join(options: Omit<MeshPeerOptions, "onCopy">): Promise<SessionPort> {
    let port: SessionPort | undefined;
    const peer = await MeshPeer.join({
      ...options,
      onCopy(object) {
        if (port) port.#supply.copied(object);
      },
    });
    port = new SessionPort(peer, options);
    return port;
  }

  private constructor(peer: MeshPeer, { clock, store }: Omit<MeshPeerOptions, "onCopy">) {
    this.peer = peer;
    this.clock = clock;
    this.ids = new IdSequence(peer.self);
    this.#store = store;
    this.#supply = new ObjectSupply({ peer, store });
    const { session, links } = peer;
    this.#locator = new ActorLocator((message) => session.send(message));
    this.#caller = new ActorCaller({
      links,
      clock,
      locate: (actor, after) => this.#locator.locate(actor, after),
    });
    this.ended = session.ended.then((error) => this.#end(error));
    this.#heartbeats = new Heartbeats({ session, links, store, clock, tasks: () => [] });
  }

  get self(): PeerId {
    return this.peer.self;
  }

  /** Start to receive. Call it once, when whoever hears the news is ready. */
  start(onNews: (news: SubmitterNews) => void): void {
    this.peer.start((message) => this.#receive(message, onNews));
  }

  send(message: SubmitterMessage, valueBytes = 0): void {
    this.peer.session.send(message, valueBytes);
  }

  keep(object: ObjectId, value: EncodedValue): void {
    this.#supply.keep(object, value.toBytes(), { jobKey: this.peer.jobKey });
  }

  whenStored(object: ObjectId): Promise<void> {
    return this.#store.whenStored(object);
  }

  fetch(state: ObjectState, signal?: AbortSignal): Promise<StoredBytes> {
    return this.#supply.get(state.object, { known: state, ...(signal ? { signal } : {}) });
  }

  call(request: CallRequest): Promise<AnsweredCall> {
    return this.#caller.call(request);
  }

  cancelCall(actor: ActorId, result: ObjectId): boolean {
    return this.#caller.cancel(actor, result);
  }

  forgetActor(actor: ActorId): void {
    this.#caller.forget(actor);
  }

  close(reason: string): void {
    this.peer.leave(reason);
  }

  #receive(message: PeerBusiness, onNews: (news: SubmitterNews) => void): void {
    switch (message.type) {
      case "object-located":
        this.#supply.located(message.state);
        return onNews(message);
      case "keep-copy":
        void this.#supply.keepCopy(message.state);
        return;
      case "free-objects":
        this.#supply.free(message.objects);
        return this.#heartbeats.freed();
      case "actor-located": {
        const { actor, worker, life = 0, calls, error } = message;
        this.#locator.located(message);
        if (error) this.#caller.actorEnded(actor, fromWireError(error));
        else if (worker) this.#caller.actorMoved(actor, { worker, life, calls });
        return;
      }
      case "item-made":
      case "answer":
      case "warning":
      case "refused":
        return onNews(message);
      default:
        return; // Orders for workers; a newer coordinator may also know more than this driver.
    }
  }

  #end(error: MeshError): MeshError {
    // It would keep a script alive that has nothing left to do.
    this.#heartbeats.stop();
    this.#supply.close(error);
    this.#locator.close(error);
    void this.#store.close(error);
    return error;
  }
}
