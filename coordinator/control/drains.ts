import { MeshError } from "../../shared/errors.ts";
import type { PeerId } from "../../shared/ids.ts";
import { listed } from "../scheduler/describe.ts";
import type { SchedulerEffect, SchedulerEvent, SchedulerState } from "../scheduler/types.ts";
import type { Untimed } from "./task-messages.ts";
import type { ControlPorts, PeerRecord } from "./types.ts";

/** Besides its deadline: for handing over, and for the way. */
const LEAVING_MS_MAX = 30_000;
/** Workers of one name that a refusal lists. */
const NAMED_MAX = 8;

type DropWorker = Extract<SchedulerEffect, { type: "drop-worker" }>;

/** What a worker that drains still does. */
export interface DrainAnswer {
  readonly worker: PeerId;
  readonly name: string;
  /** At the latest then it begins to hand over and leaves. */
  readonly deadlineMs: number;
  /** What it waits for: tasks that it has may end until then. */
  readonly tasksRunning: number;
  /** What moves when it leaves. */
  readonly actors: number;
  readonly storedBytes: number;
}

interface Plane {
  readonly scheduler: SchedulerState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  readonly actors: { livingOn(peer: PeerId): number };
  readonly nowMs: number;
}

interface Doings {
  schedule(event: Untimed<SchedulerEvent>): void;
  drop(effect: DropWorker): void;
}

/** Workers that were asked to leave when they have done what they have. */
export class Drains {
  readonly #plane: Plane;
  readonly #ports: Pick<ControlPorts, "send">;
  readonly #doings: Doings;
  readonly #untilMs = new Map<PeerId, number>();

  constructor(plane: Plane, ports: Pick<ControlPorts, "send">, doings: Doings) {
    this.#plane = plane;
    this.#ports = ports;
    this.#doings = doings;
  }

  /**
   * Asked again, the earlier deadline counts.
   * @throws MeshError `NOT_FOUND`; `INVALID_ARGUMENT` if several workers have that name.
   */
  ask(named: string, deadlineMs: number): DrainAnswer {
    const { peers, scheduler, actors, nowMs } = this.#plane;
    const { peer, name, storedBytes } = workerNamed(peers, named);
    const before = this.#untilMs.get(peer) ?? Number.POSITIVE_INFINITY;
    const untilMs = Math.min(before, nowMs + deadlineMs);
    const leftMs = Math.max(0, untilMs - nowMs);
    const worker = scheduler.workers.get(peer);
    // One that leaves already is not the scheduler's any more, and needs no deadline.
    if (worker && untilMs < before) {
      this.#untilMs.set(peer, untilMs);
      this.#doings.schedule({ type: "worker-draining", worker: peer });
      this.#ports.send(peer, { type: "drain", deadlineMs: leftMs }, 0);
    }
    return {
      worker: peer,
      name,
      deadlineMs: leftMs,
      tasksRunning: worker ? tasksOn(worker) : 0,
      actors: actors.livingOn(peer),
      storedBytes,
    };
  }

  /** Whoever does not leave though asked is dropped: its work is to go on elsewhere. */
  tick(): void {
    for (const [worker, untilMs] of this.#untilMs) {
      if (this.#plane.nowMs < untilMs + LEAVING_MS_MAX) continue;
      this.#untilMs.delete(worker);
      const why = "it was drained and did not leave";
      this.#doings.drop({ type: "drop-worker", worker, why });
    }
  }

  /** It leaves, or is gone: others see to that. */
  peerLeaves(peer: PeerId): void {
    this.#untilMs.delete(peer);
  }

  has(peer: PeerId): boolean {
    return this.#untilMs.has(peer);
  }
}

const tasksOn = ({
  launched,
  bundles,
}: {
  launched: number;
  bundles: Iterable<{ launched: number }> | undefined;
}) => [...(bundles ?? [])].reduce((sum, bundle) => sum + bundle.launched, launched);

function workerNamed(peers: ReadonlyMap<PeerId, PeerRecord>, named: string): PeerRecord {
  const byId = peers.get(named as PeerId);
  if (byId?.role === "worker") return byId;
  const all = [...peers.values()].filter(({ role, name }) => role === "worker" && name === named);
  const [first] = all;
  if (!first) {
    const message = `no worker is called ${named}: it has left, or never joined; the dashboard and mesh.peers() list names and ids`;
    throw new MeshError("NOT_FOUND", message);
  }
  if (all.length === 1) return first;
  const ids = listed(
    all.slice(0, NAMED_MAX).map(({ peer }) => peer),
    all.length,
  );
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${all.length} workers are called ${named}; give the id of one: ${ids}`,
  );
}
