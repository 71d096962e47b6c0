import { DrainWatch } from "../../shared/worker/drain-watch.ts";
import { invariant } from "../../shared/errors.ts";
import {
  IdSequence,
  type CallableId,
  type GroupId,
  type JobId,
  type ObjectId,
  type PeerId,
  type TaskId,
} from "../../shared/ids.ts";
import type {
  CoordinatorMessage,
  Hello,
  ObjectState,
  PeerMessage,
} from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { ActorCall, CallAnswer, DataPlane, Endpoint } from "./data-plane.ts";
import { BIG_BYTES, decodeContent, encode, type Content } from "./program.ts";
import type { VirtualCoordinator } from "./virtual-coordinator.ts";
import type { Wire } from "./wire.ts";
import type { World } from "./world.ts";

/** Wait before asking again where an object is, when no copy could be had. */
const HAND_OVER_MS_MAX = 4_000;
const ASK_AGAIN_MS = 1_000;

export interface Mesh {
  readonly world: World;
  readonly coordinator: VirtualCoordinator;
  readonly dataPlane: DataPlane;
}

export interface PutOptions {
  readonly holder?: PeerId | undefined;
  readonly replicas?: number;
  /** Whose code puts it, if not a driver's. */
  readonly job?: JobId | undefined;
}

type Located = Extract<CoordinatorMessage, { type: "object-located" }>;

/** One session of a peer, from its hello to its end: its process, its store, its connection. */
export abstract class VirtualPeer implements Endpoint {
  readonly store = new Map<ObjectId, Content>();
  /** Fetched objects that the coordinator wants kept. */
  protected readonly kept = new Set<ObjectId>();
  protected readonly mesh: Mesh;
  #self: PeerId | undefined;
  #ids!: IdSequence;
  #isFrozen = false;
  protected readonly drain = new DrainWatch({
    clock: {
      nowMs: () => this.mesh.world.nowMs,
      after: (delayMs, run) => {
        let isWanted = true;
        this.after(delayMs, () => isWanted && run());
        return () => (isWanted = false);
      },
    },
    hasTasks: () => !this.isIdle,
    drained: () => this.retire("it was drained"),
  });
  #isLeaving = false;
  #isOver = false;
  #backlog: (() => void)[] = [];
  readonly #wire: Wire;
  readonly #located = new Map<ObjectId, ((state: ObjectState) => void)[]>();
  readonly #onOver: () => void;

  /** @param onOver the connection ended, against this peer's will or not. */
  constructor(mesh: Mesh, hello: Hello, onOver: () => void) {
    this.mesh = mesh;
    this.#onOver = onOver;
    this.#wire = mesh.coordinator.connect(hello, {
      receive: (message) => this.wake(() => this.#receive(message)),
      closed: () => this.wake(() => this.end()),
    });
  }

  get self(): PeerId {
    invariant(this.#self, "no welcome yet");
    return this.#self;
  }

  get isJoined(): boolean {
    return this.#self !== undefined && !this.#isOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  protected abstract onWelcome(): void;
  protected abstract onMessage(message: CoordinatorMessage): void;
  abstract call(call: ActorCall, answer: (answer: CallAnswer) => void): void;

  newId<T extends TaskId | ObjectId | CallableId | GroupId>(): T {
    return this.#ids.next<T>();
  }

  contentOf(object: ObjectId): Content | undefined {
    const content = this.store.get(object);
    if (!content) this.send({ type: "copy-lost", object });
    return content;
  }

  /** Run now, or after the thaw if the process is frozen, or never if it is gone. */
  wake(run: () => void): void {
    if (this.#isOver) return;
    if (this.#isFrozen) this.#backlog.push(run);
    else run();
  }

  /** Nothing runs here. */
  get isIdle(): boolean {
    return true;
  }

  /** Timers of this process. */
  after(delayMs: number, run: () => void): void {
    this.mesh.world.after(delayMs, () => this.wake(run));
  }

  send(message: PeerMessage): void {
    this.#wire.toServer(message);
  }

  /** Timers stop and nothing is handled; the connection stays. */
  freeze(forMs: number): void {
    if (this.#isFrozen || this.#isOver) return;
    this.#isFrozen = true;
    this.mesh.world.losses += 1;
    this.mesh.world.after(forMs, () => this.#thaw());
  }

  /** A partition of the network: it goes on, but hears nothing and is not heard. */
  cutOff(forMs: number): void {
    if (this.#isOver) return;
    this.mesh.world.losses += 1;
    this.#wire.cut(forMs);
  }

  /** The process is gone. */
  crash(isHalfOpen: boolean): void {
    this.#wire.break({ isHalfOpen });
    this.end();
  }

  /** Leave when others keep what only this peer has, or after a while. */
  retire(reason: string): void {
    if (this.#isLeaving || !this.isJoined) return;
    this.send({ type: "leaving", reason });
    this.after(HAND_OVER_MS_MAX, () => this.leave(reason));
  }

  /** Leave in order. */
  leave(reason: string): void {
    if (this.#isLeaving || !this.isJoined) return;
    this.#isLeaving = true;
    this.send({ type: "goodbye", reason });
    this.#wire.close();
  }

  /** Nothing of this session survives. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.store.clear();
    if (this.#self) this.mesh.dataPlane.close(this.#self);
    this.#onOver();
  }

  /** Put a value of this peer's own. */
  put(content: Content, isBig: boolean, { holder, replicas = 1, job }: PutOptions = {}): void {
    const { of: object, refs } = content;
    if (isBig) this.store.set(object, content);
    this.send({
      type: "put-object",
      object,
      sizeBytes: isBig ? BIG_BYTES : 100,
      ...(isBig ? {} : { inline: encode(content) }),
      ...(refs.length > 0 ? { contained: [...refs] } : {}),
      ...(holder ? { holder } : {}),
      ...(replicas > 1 ? { replicas } : {}),
      ...(job ? { jobs: [job] } : {}),
    });
  }

  /** None of the peers that had the object delivered it. */
  protected onMissed(_object: ObjectId): void {}

  /** Ask where the object is; answered when it is made. */
  locate(object: ObjectId, answered: (state: ObjectState) => void): void {
    const waiting = this.#located.get(object);
    if (waiting) {
      waiting.push(answered);
      return;
    }
    this.#located.set(object, [answered]);
    this.send({ type: "locate-object", object });
  }

  /** Get the value: from here, inline, or from a peer that has it; ask again as long as it moves. */
  read(state: ObjectState, done: (outcome: Content | WireError) => void): void {
    const { object, error, inline, locations = [] } = state;
    const here = this.store.get(object);
    if (here) return done(here);
    if (error) return done(error);
    if (inline) return done(decodeContent(inline));
    this.#readFrom(object, [...locations], done);
  }

  #readFrom(
    object: ObjectId,
    sources: PeerId[],
    done: (outcome: Content | WireError) => void,
  ): void {
    const source = sources.splice(this.mesh.world.below(sources.length), 1)[0];
    if (!source) {
      this.onMissed(object);
      this.after(ASK_AGAIN_MS, () => this.locate(object, (state) => this.read(state, done)));
      return;
    }
    this.mesh.dataPlane.fetch(this, source, object, (content) => {
      if (!content) return this.#readFrom(object, sources, done);
      invariant(content.of === object, `${source} sent ${content.of} instead of ${object}`);
      if (!this.store.has(object)) {
        this.store.set(object, content);
        this.send({ type: "copy-added", object });
      }
      done(content);
    });
  }

  /** Copies are dropped by `evict` alone, which leaves what is kept. */
  #keepCopy(state: ObjectState): void {
    const { object } = state;
    this.read(state, (outcome) => {
      const isHere = !("code" in outcome) && this.store.has(object);
      if (isHere) this.kept.add(object);
      if (isHere) return this.send({ type: "copy-kept", object });
      const error: WireError = { code: "OBJECT_LOST", message: `${object} is not here` };
      return this.send({ type: "copy-refused", object, error });
    });
  }

  #thaw(): void {
    this.#isFrozen = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const run of backlog) this.wake(run);
  }

  #receive(message: CoordinatorMessage): void {
    switch (message.type) {
      case "welcome":
        this.#self = message.peer;
        this.#ids = new IdSequence(message.peer);
        this.mesh.dataPlane.open(message.peer, this);
        return this.onWelcome();
      case "free-objects":
        for (const object of message.objects) {
          this.store.delete(object);
          this.kept.delete(object);
        }
        return;
      case "handed-over":
        return this.leave("it has handed over what it kept");
      case "drain":
        return this.drain.ask(message.deadlineMs);
      case "keep-copy":
        return this.#keepCopy(message.state);
      case "object-located":
        return this.#onLocated(message);
      case "refused":
        invariant(false, `${this.#self} was refused: ${message.error.message}`);
        return;
      default:
        return this.onMessage(message);
    }
  }

  #onLocated(message: Located): void {
    const { object } = message.state;
    const waiting = this.#located.get(object);
    this.#located.delete(object);
    this.onMessage(message);
    for (const answered of waiting ?? []) answered(message.state);
  }
}
