import { MeshError } from "../../shared/errors.ts";
import type { ActorId, JobId, PeerId, TaskId } from "../../shared/ids.ts";
import type { ActorName, ActorSummary, PeerMessage, Role } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { SchedulerState } from "../scheduler/types.ts";
import { jobOfActor } from "./nested-tasks.ts";

const ACTORS_LISTED_MAX = 10_000;

/** The actors that have not ended, oldest first. */
export function listActors({ actors, scheduler, peers }: ControlPlane): ActorSummary[] {
  const rows: ActorSummary[] = [];
  for (const [actor, { define, name, worker, life }] of actors.unended()) {
    if (rows.length === ACTORS_LISTED_MAX) break;
    const restarts = scheduler.tasks.get(actor as string as TaskId)?.restarts ?? 0;
    rows.push({
      actor,
      className: define.name,
      isDetached: define.actor?.isDetached === true,
      state: worker ? "alive" : life < 0 ? "starting" : "restarting",
      restarts,
      ...(name ? { name: name.name, namespace: name.namespace ?? "default" } : {}),
      ...(worker ? { worker: peers.get(worker)?.name ?? worker } : {}),
    });
  }
  return rows;
}

/** Who has that name, and what its handle needs. */
export function findActor(
  { actors }: ControlPlane,
  named: ActorName | undefined,
): { actor: { actor: ActorId; methods: string[] } } | { error: WireError } {
  try {
    if (!named) throw new MeshError("INVALID_ARGUMENT", "the name of the actor is missing");
    const actor = actors.expectNamed(named);
    const methods = actors.get(actor)!.define.actor?.methods ?? [];
    return { actor: { actor, methods: methods.map(({ name }) => name) } };
  } catch (error) {
    return { error: toWireError(error) };
  }
}

/**
 * Who finds an actor by its name calls it, and refs go to and fro.
 * @param jobs in whose names it asks.
 */
export function meetByName(
  { actors, circles, scheduler }: ControlPlane,
  { jobs, peer, role }: { jobs: readonly JobId[]; peer: PeerId; role: Role },
  { what, named }: Extract<PeerMessage, { type: "query" }>,
): void {
  const actor = what === "actor" && named ? actors.named(named) : undefined;
  const job = actor && jobOfActor(actor, scheduler);
  if (!job) return;
  for (const other of jobs) {
    if (role === "driver" || worksFor(peer, other, scheduler)) circles.met(other, job);
  }
}

/** Whether it has a task or an actor of that job now: what it once had gives it no say. */
function worksFor(peer: PeerId, job: JobId, { workers }: SchedulerState): boolean {
  const worker = workers.get(peer);
  if (!worker) return false;
  for (const part of [worker, ...(worker.bundles ?? [])]) {
    for (const { group } of part.assigned) if (group.job === job) return true;
  }
  return false;
}
