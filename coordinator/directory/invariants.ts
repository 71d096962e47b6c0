import { invariant } from "../../shared/errors.ts";
import type { ObjectId } from "../../shared/ids.ts";
import type { DirectoryState } from "./types.ts";

/**
 * Check every relation between the collections. `taskHolds` says how many unfinished tasks refer to
 * each object; the directory itself keeps only the sum.
 */
export function checkInvariants(
  state: DirectoryState,
  taskHolds: ReadonlyMap<ObjectId, number>,
): void {
  const holds = new Map<ObjectId, number>(taskHolds);
  const addHold = (object: ObjectId) => holds.set(object, (holds.get(object) ?? 0) + 1);
  for (const held of state.heldBy.values()) for (const object of held) addHold(object);
  let inlineBytes = 0;
  for (const record of state.objects.values()) {
    for (const inner of record.contained) addHold(inner);
    inlineBytes += record.inline?.byteLength ?? 0;
  }
  invariant(inlineBytes === state.inlineBytes, "inline bytes are miscounted");
  for (const record of state.objects.values()) {
    const { id, phase } = record;
    invariant(
      (holds.get(id) ?? 0) === record.holds,
      `${id}: holds are miscounted: ${holds.get(id) ?? 0} / ${record.holds}`,
    );
    invariant(phase === "pending" || record.holds > 0, `${id}: made, unwanted and not freed`);
    invariant((record.error !== undefined) === (phase === "failed"), `${id}: error iff failed`);
    invariant(phase === "pending" || !record.waiter, `${id}: made, and somebody still waits`);
    invariant(record.waiter || !record.moreWaiters, `${id}: its first waiter is unset`);
    if (phase === "sealed") {
      invariant(record.inline || record.locations.length > 0, `${id}: sealed and nowhere`);
    }
    for (const peer of record.keepers) {
      invariant(record.locations.includes(peer), `${id}: ${peer} keeps a copy that it has not`);
    }
    for (const peer of record.locations) {
      invariant(state.storedBy.get(peer)?.has(id), `${id}: ${peer} does not know of its copy`);
    }
  }
  for (const [peer, stored] of state.storedBy) {
    for (const object of stored) {
      const record = state.objects.get(object);
      invariant(record, `${peer} stores ${object}, which is freed`);
      const known = record.locations.includes(peer) || record.promisedBy === peer;
      invariant(known, `${peer} stores ${object} unknown to its record`);
    }
  }
  for (const [peer, held] of state.heldBy) {
    for (const object of held) {
      invariant(state.objects.has(object), `${peer} holds freed ${object}`);
    }
  }
}
