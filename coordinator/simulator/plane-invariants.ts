import type { ControlPlane } from "../control/control-plane.ts";
import { checkInvariants as checkDirectory } from "../directory/invariants.ts";
import { checkInvariants as checkScheduler } from "../scheduler/invariants.ts";
import { invariant } from "../../shared/errors.ts";
import {
  itemNumberOf,
  resultOf,
  sourceOf,
  type ActorId,
  type GroupId,
  type ObjectId,
  type TaskId,
} from "../../shared/ids.ts";

/** Check the scheduler, the directory, and that the two and the control plane agree. Linear. */
export function checkPlane(plane: ControlPlane): void {
  const { scheduler, directory, peers } = plane;
  const { payloads, lineage } = plane.submissions;
  checkScheduler(scheduler);
  const holds = new Map<ObjectId, number>();
  for (const { held } of payloads.values()) {
    for (const object of held) holds.set(object, (holds.get(object) ?? 0) + 1);
  }
  for (const { pinned } of lineage) {
    for (const object of pinned) holds.set(object, (holds.get(object) ?? 0) + 1);
  }
  for (const [actor, states] of plane.submissions.states) {
    invariant(payloads.has(actor), `${actor}: its state is kept and it cannot be restored`);
    for (const object of states) holds.set(object, (holds.get(object) ?? 0) + 1);
  }
  checkDirectory(directory, holds);
  for (const object of plane.circles.objects()) {
    invariant(directory.objects.has(object), `${object} is freed, and its job is still known`);
  }
  checkLineage(plane);
  checkItems(plane);

  let alive = 0;
  let final = 0;
  for (const task of scheduler.tasks.values()) {
    if (task.state === "alive") {
      alive += 1;
      const keeps = payloads.has(task.id);
      if (!keeps) final += 1;
      invariant(
        keeps || task.group.restartsMax === 0,
        `${task.id}: cannot be restarted as promised`,
      );
      const home = plane.actors.workerOf(task.id as string as ActorId);
      invariant(home === task.worker?.id, `actor ${task.id} is said to live elsewhere`);
    } else invariant(payloads.has(task.id), `${task.id} is scheduled without its payload`);
    invariant(plane.callables.has(task.group.callable), `${task.id}: its callable is forgotten`);
  }
  invariant(payloads.size === scheduler.tasks.size - final, "payloads without a task");
  for (const [actor, { name }] of plane.actors.unended()) {
    invariant(scheduler.tasks.has(actor as string as TaskId), `${actor} is said not to have ended`);
    const owner = name && plane.actors.named(name);
    invariant(!name || owner === actor, `${actor} and ${owner} have the same name`);
  }
  invariant(plane.actors.living === alive, "the registry and the scheduler count other actors");
  for (const record of directory.objects.values()) {
    if (record.phase !== "pending") continue;
    const group = scheduler.placementGroups.get(record.id as string as GroupId);
    const isComing =
      record.promisedBy || payloads.has(sourceOf(record.id)) || group?.wasPlaced === false;
    invariant(isComing, `${record.id}: pending, and nobody makes it`);
    for (const task of scheduler.dependents.get(record.id) ?? []) {
      invariant(task.missing?.has(record.id), `${task.id} does not wait for ${record.id}`);
    }
  }
  for (const object of scheduler.dependents.keys()) {
    const phase = directory.objects.get(object)?.phase;
    invariant(phase === "pending", `tasks wait for ${object}, which is ${phase}`);
  }
  for (const worker of scheduler.workers.keys()) {
    invariant(peers.has(worker), `${worker} is scheduled and not connected`);
  }
  for (const peer of directory.heldBy.keys()) {
    invariant(peers.has(peer), `${peer} holds objects and is not connected`);
  }
  for (const peer of directory.storedBy.keys()) {
    invariant(peers.has(peer), `${peer} stores objects and is not connected`);
  }
}

function checkLineage({ submissions, directory }: ControlPlane): void {
  const { lineage } = submissions;
  const readers = new Map<ObjectId, number>();
  for (const { payload } of lineage) {
    for (const object of payload.held) {
      const source = resultOf(sourceOf(object));
      readers.set(source, (readers.get(source) ?? 0) + 1);
    }
  }
  for (const entry of lineage) {
    const object = entry.task as string as ObjectId;
    const isThere = entry.items
      ? [...entry.items].some((item) => directory.objects.has(item))
      : directory.objects.has(object);
    const isNeeded = lineage.readersOf(object) > 0 || isThere;
    invariant(isNeeded, `the lineage of ${object} is kept for nobody`);
    invariant(!isThere || entry.isWanted, `${object} is there and its lineage is not wanted`);
  }
  for (const [object, count] of readers) {
    invariant(lineage.readersOf(object) === count, `${object}: readers are miscounted`);
  }
}

/** Rules I1 to I5 of control/items.ts, as far as one moment shows them. */
function checkItems({ items, submissions, directory, peers }: ControlPlane): void {
  for (const source of items.sources.values()) {
    const { task, reader, maxAhead, made, taken, awaited, stored } = source;
    invariant(submissions.payloads.has(task), `${task} gives items and is not under way`);
    invariant(taken <= made, `${task}: ${taken} of ${made} items are taken`);
    if (maxAhead === undefined) continue;
    invariant(made <= taken + maxAhead, `${task} is ${made - taken} items ahead of its reader`);
    invariant(peers.has(reader!), `${task}: its reader is gone`);
    invariant(directory.objects.get(resultOf(task))!.holds > 0, `${task}: nobody reads its stream`);
    for (const object of [...awaited.keys(), ...stored]) {
      const number = itemNumberOf(object);
      invariant(number?.task === task && number.index < made, `${object} is no item of ${task}`);
      invariant(directory.objects.has(object), `${object} is awaited or stored, and freed`);
    }
  }
  for (const { id, phase } of directory.objects.values()) {
    const task = phase === "pending" ? itemNumberOf(id)?.task : undefined;
    const isAwaited = !task || items.sources.get(task)?.awaited.has(id);
    invariant(isAwaited, `${id} is pending, and its task does not know`);
  }
}
