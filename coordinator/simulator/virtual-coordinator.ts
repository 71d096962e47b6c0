import type { JobId, PeerId } from "../../shared/ids.ts";
import {
  coordinatorMessages,
  driverMessages,
  workerMessages,
  type CoordinatorMessage,
  type Hello,
  type ObjectState,
  type PeerMessage,
} from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { ControlPlane } from "../control/control-plane.ts";
import { CancelWatch } from "./cancel-watch.ts";
import { checkPlane } from "./plane-invariants.ts";
import { Wire, type WireEnd } from "./wire.ts";
import type { World } from "./world.ts";

const TICK_MS = 1_000;
/** Up to so many tasks and objects the invariants are checked after each event, then after some. */
const CHECKED_ALWAYS_MAX = 20;
const CHECKED_EVERY = 10;

/** The gateway's place is taken by virtual wires; the control plane is the real one. */
export class VirtualCoordinator {
  readonly plane: ControlPlane;
  readonly #world: World;
  readonly #wires = new Map<PeerId, Wire>();
  /** Each attempt may be ordered once, ever. */
  readonly #ordered = new Set<string>();
  readonly #cancels: CancelWatch;
  #clockAheadMs = 0;
  #peersMade = 0;
  #events = 0;

  constructor(world: World) {
    this.#world = world;
    this.plane = new ControlPlane({
      send: (to, message) => this.#send(to, message),
      drop: (peer, error) => {
        this.#send(peer, { type: "bye", error });
        this.#wires.get(peer)?.close();
        this.#wires.delete(peer);
      },
      signTicket: () => new Uint8Array(64),
      jobSecret: () => new Uint8Array(32),
    });
    this.#cancels = new CancelWatch(this.plane.scheduler);
    this.#tick();
  }

  get events(): number {
    return this.#events;
  }

  get nowMs(): number {
    return this.#world.nowMs + this.#clockAheadMs;
  }

  jumpAhead(ms: number): void {
    this.#clockAheadMs += ms;
    this.#world.losses += 1;
  }

  /** A person has a worker leave, if the coordinator still knows it. */
  drain(peer: PeerId, deadlineMs: number): void {
    if (!this.plane.peers.has(peer)) return;
    this.#feed(`${peer} is to drain`, () => this.plane.drain(peer, deadlineMs, this.nowMs));
  }

  connect(hello: Hello, client: WireEnd<CoordinatorMessage>): Wire {
    const peer = `${hello.role === "worker" ? "w" : "d"}${this.#peersMade++}` as PeerId;
    const wire = new Wire(
      this.#world,
      {
        receive: (message) => this.#receive(peer, wire, message),
        closed: () => {
          if (!this.#wires.delete(peer)) return;
          this.#feed(`${peer} left`, () => this.plane.peerLeft(peer, "it hung up", this.nowMs));
        },
      },
      client,
    );
    wire.toServer(hello);
    return wire;
  }

  #receive(peer: PeerId, wire: Wire, message: PeerMessage): void {
    if (message.type === "hello") {
      this.#wires.set(peer, wire);
      this.#feed(`${peer} hello`, () => {
        this.#send(peer, welcome(peer));
        this.plane.peerJoined({ peer, hello: message }, this.nowMs);
      });
      return;
    }
    if (!this.#wires.has(peer)) return;
    const role = this.plane.peers.get(peer)?.role;
    const check = role === "worker" ? workerMessages : driverMessages;
    if (role && !check.accepts(message)) throw new Error(`${peer}: ${check.complaint(message)}`);
    this.#feed(`${peer} ${describe(message)}`, () =>
      this.#cancels.around(message, () => this.plane.receive(peer, message, this.nowMs)),
    );
  }

  #send(to: PeerId, message: CoordinatorMessage): void {
    if (!coordinatorMessages.accepts(message)) {
      throw new Error(`to ${to}: ${coordinatorMessages.complaint(message)}`);
    }
    if (message.type === "run") {
      const order = `${message.task} ${message.attempt}`;
      if (this.#ordered.has(order)) throw new Error(`attempt ${order} is ordered twice`);
      this.#ordered.add(order);
      const isDraining = this.plane.drains.has(to);
      if (isDraining) throw new Error(`${to} drains and is given ${order}`);
      this.#cancels.orders(message.task);
    }
    this.#world.note(`to ${to} ${describe(message)}`);
    const wire = this.#wires.get(to);
    const { overflowPermille } = this.#world.scenario;
    const isMember = wire && this.plane.peers.has(to);
    if (isMember && this.#world.strikes(overflowPermille)) this.#overflow(to, wire);
    else wire?.toClient(message);
  }

  /** The peer does not read: a port drops it in the middle of what the control plane does. */
  #overflow(peer: PeerId, wire: Wire): void {
    this.#world.losses += 1;
    this.#wires.delete(peer);
    wire.close();
    this.plane.peerLeft(peer, "it does not read", this.nowMs);
  }

  #tick(): void {
    this.#feed("tick", () => this.plane.tick(this.nowMs));
    this.#world.after(TICK_MS, () => this.#tick());
  }

  #feed(what: string, handle: () => void): void {
    this.#events += 1;
    this.#world.note(`${this.nowMs} ${what}`);
    handle();
    const size = this.plane.scheduler.tasks.size + this.plane.directory.objects.size;
    if (size > CHECKED_ALWAYS_MAX && this.#events % CHECKED_EVERY > 0) return;
    try {
      checkPlane(this.plane);
    } catch (cause) {
      throw new Error(`after ${what}`, { cause });
    }
  }
}

interface Described {
  readonly task: string;
  readonly attempt: number;
  readonly actor: string;
  readonly object: string;
  readonly objects: readonly string[];
  readonly worker: string;
  readonly state: ObjectState;
  readonly error: WireError;
}

/** A message in one line, with all that decides what follows from it. */
function describe(message: PeerMessage | CoordinatorMessage): string {
  const { type, task, attempt, actor, object, objects, worker, state, error } =
    message as Partial<Described> & { readonly type: string };
  const where = state && (state.inline ? "inline" : (state.locations ?? []).join());
  const words = [type, task, attempt, actor, object, objects?.join(), worker, state?.object, where];
  words.push(state?.error?.code, error?.code);
  return words.filter((word) => word !== undefined).join(" ");
}

const welcome = (peer: PeerId): CoordinatorMessage => ({
  type: "welcome",
  protocolVersion: 1,
  peer,
  job: peer as string as JobId,
  heartbeatEveryMs: 5_000,
  ticketKey: new Uint8Array(32),
  signalKey: "",
  iceServers: [],
});
