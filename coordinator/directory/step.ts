import { invariant } from "../../shared/errors.ts";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type {
  DirectoryEffect,
  DirectoryEvent,
  DirectoryState,
  ObjectRecord,
  Sealed,
} from "./types.ts";

/**
 * The directory knows where each object is, who refers to it and what waits for it; it frees what
 * nobody refers to. It keeps the metadata of every object that more than one peer knows, so the
 * loss of the peer that made an object does not lose copies that still exist.
 */

/** Most objects are inline, so that nobody keeps a copy, and have no refs inside. */
const NOBODY: readonly PeerId[] = [];
const NOTHING: readonly ObjectId[] = [];

type Handler<Type> = (
  state: DirectoryState,
  event: Extract<DirectoryEvent, { type: Type }>,
  effects: DirectoryEffect[],
) => void;

const handlers: { readonly [Type in DirectoryEvent["type"]]: Handler<Type> } = {
  "object-promised"(state, { object, holder, by, isAwaited }) {
    const known = state.objects.get(object);
    if (known) {
      // Said again; or others referred to it before, and now it turns out that a task makes it.
      if (!isAwaited || known.phase !== "pending" || known.promisedBy !== holder) return;
      keepPromise(state, known);
      return awaitedBy(known, holder);
    }
    const record = create(state, object);
    record.promisedBy = by;
    if (by) indexed(state.storedBy, by).add(record.id);
    hold(state, holder, record);
    if (isAwaited) record.waiter = holder;
  },

  "object-sealed"(state, { object, value, holder }, effects) {
    const record = state.objects.get(object) ?? createHeld(state, object, holder);
    if (record?.phase !== "pending") {
      // The first answer won, or nobody waits any more: this value must not stay where it is.
      const { location } = value;
      if (!location || value.inline || record?.locations.includes(location)) return;
      return void effects.push({ type: "free", object, locations: [location] });
    }
    keepPromise(state, record);
    record.phase = "sealed";
    record.isRestorable = false;
    seal(state, record, value);
    announce(record, effects);
    effects.push({ type: "available", object });
    if (!record.inline) effects.push({ type: "copies-changed", object });
    freeIfUnwanted(state, record, effects);
  },

  "object-failed"(state, { object, error, holder }, effects) {
    const record = state.objects.get(object) ?? createHeld(state, object, holder);
    if (!record || record.phase !== "pending") return;
    keepPromise(state, record);
    fail(record, error, effects);
    freeIfUnwanted(state, record, effects);
  },

  held(state, { peer, objects }) {
    for (const object of objects) {
      const record = state.objects.get(object);
      if (record) hold(state, peer, record);
    }
  },

  released(state, { peer, objects }, effects) {
    const held = state.heldBy.get(peer);
    for (const object of objects) {
      if (held?.delete(object)) letGo(state, object, effects);
    }
  },

  "task-held"(state, { objects }) {
    for (const object of objects) {
      const record = state.objects.get(object);
      if (record) record.holds += 1;
    }
  },

  "task-released"(state, { objects }, effects) {
    for (const object of objects) letGo(state, object, effects);
  },

  "object-revived"(state, { object }) {
    if (!state.objects.has(object)) create(state, object);
  },

  "copy-added"(state, { peer, object }, effects) {
    const record = state.objects.get(object);
    // Freed while it travelled, or about to be made again, with other refs inside: it must go.
    const isStale = record?.phase === "pending" && !record.isRestorable && !record.promisedBy;
    if (!record || record.phase === "failed" || isStale) {
      return void effects.push({ type: "free", object, locations: [peer] });
    }
    if (record.isRestorable) restore(record, effects);
    if (record.phase !== "sealed" || record.inline || record.locations.includes(peer)) return;
    record.locations = [...record.locations, peer];
    indexed(state.storedBy, peer).add(record.id);
    // While it was to be made again, the last ref may have gone.
    freeIfUnwanted(state, record, effects);
  },

  "copy-kept"(state, { peer, object }, effects) {
    const record = state.objects.get(object);
    const isThere = record?.phase === "sealed" && record.locations.includes(peer);
    if (!isThere || record.keepers.includes(peer)) return;
    record.keepers = [...record.keepers, peer];
    effects.push({ type: "copies-changed", object });
  },

  "copy-lost"(state, { peer, object }, effects) {
    const record = state.objects.get(object);
    if (!state.storedBy.get(peer)?.delete(object) || !record) return;
    loseCopy(state, record, { peer, why: `${peer} dropped it` }, effects);
    freeIfUnwanted(state, record, effects);
  },

  "ref-dropped"(state, { object, inside }, effects) {
    const outer = state.objects.get(inside);
    if (!outer?.contained.includes(object)) return;
    const inner = outer.contained.filter((each) => each === object);
    outer.contained = outer.contained.filter((each) => each !== object);
    for (const each of inner) letGo(state, each, effects);
  },

  located(state, { peer, object }, effects) {
    const record = state.objects.get(object);
    if (record?.phase === "pending") awaitedBy(record, peer);
    else effects.push({ type: "answer", peer, object, record });
  },

  "peer-left"(state, { peer, why }, effects) {
    const stored = state.storedBy.get(peer) ?? [];
    state.storedBy.delete(peer);
    for (const object of stored) {
      const record = state.objects.get(object);
      if (record) loseCopy(state, record, { peer, why: `${peer} left: ${why}` }, effects);
    }
    const held = state.heldBy.get(peer) ?? [];
    state.heldBy.delete(peer);
    for (const object of held) letGo(state, object, effects);
    for (const object of stored) {
      const record = state.objects.get(object);
      if (record) freeIfUnwanted(state, record, effects);
    }
  },
};

/**
 * Advance the directory by one event. Pure in the sense of scheduler/step.ts.
 * @param effects collects what must be done; given by callers that take many steps.
 */
export function step(
  state: DirectoryState,
  event: DirectoryEvent,
  effects: DirectoryEffect[] = [],
): DirectoryEffect[] {
  (handlers[event.type] as Handler<DirectoryEvent["type"]>)(state, event, effects);
  return effects;
}

function create(state: DirectoryState, object: ObjectId): ObjectRecord {
  const record: ObjectRecord = {
    id: object,
    phase: "pending",
    sizeBytes: 0,
    inline: undefined,
    locations: NOBODY,
    keepers: NOBODY,
    replicas: 1,
    version: 0,
    costMs: undefined,
    error: undefined,
    holds: 0,
    contained: NOTHING,
    waiter: undefined,
    moreWaiters: undefined,
    promisedBy: undefined,
    madeBy: undefined,
    isRestorable: false,
  };
  state.objects.set(object, record);
  return record;
}

function createHeld(
  state: DirectoryState,
  object: ObjectId,
  holder: PeerId | undefined,
): ObjectRecord | undefined {
  if (!holder) return undefined;
  const record = create(state, object);
  hold(state, holder, record);
  return record;
}

function hold(state: DirectoryState, peer: PeerId, record: ObjectRecord): void {
  const held = indexed(state.heldBy, peer);
  if (held.has(record.id)) return;
  held.add(record.id);
  record.holds += 1;
}

function seal(state: DirectoryState, record: ObjectRecord, value: Sealed): void {
  record.sizeBytes = value.sizeBytes;
  record.inline = value.inline;
  record.madeBy = value.madeBy;
  record.replicas = value.replicas;
  record.version = value.version;
  record.costMs = value.costMs;
  state.inlineBytes += value.inline?.byteLength ?? 0;
  if (value.location && !value.inline) {
    record.locations = [value.location];
    record.keepers = [value.location];
    indexed(state.storedBy, value.location).add(record.id);
  }
  // An object inside itself would hold itself for ever.
  const inside = (inner: ObjectId) => inner !== record.id && state.objects.has(inner);
  if (value.contained.length > 0) record.contained = value.contained.filter(inside);
  for (const inner of record.contained) state.objects.get(inner)!.holds += 1;
}

function fail(record: ObjectRecord, error: WireError, effects: DirectoryEffect[]): void {
  record.phase = "failed";
  record.isRestorable = false;
  record.error = error;
  announce(record, effects);
  effects.push({ type: "unavailable", object: record.id, error });
}

function awaitedBy(record: ObjectRecord, peer: PeerId): void {
  const { waiter, moreWaiters } = record;
  if (!waiter) record.waiter = peer;
  else if (waiter === peer || moreWaiters?.includes(peer)) return;
  else if (moreWaiters) moreWaiters.push(peer);
  else record.moreWaiters = [peer];
}

function announce(record: ObjectRecord, effects: DirectoryEffect[]): void {
  const { id: object, waiter, moreWaiters } = record;
  if (!waiter) return;
  effects.push({ type: "answer", peer: waiter, object, record });
  record.waiter = undefined;
  if (!moreWaiters) return;
  for (const peer of moreWaiters) effects.push({ type: "answer", peer, object, record });
  record.moreWaiters = undefined;
}

/** The object is made, so its promise binds nobody any more. */
function keepPromise(state: DirectoryState, record: ObjectRecord): void {
  if (!record.promisedBy) return;
  state.storedBy.get(record.promisedBy)?.delete(record.id);
  record.promisedBy = undefined;
}

function loseCopy(
  state: DirectoryState,
  record: ObjectRecord,
  { peer, why }: { readonly peer: PeerId; readonly why: string },
  effects: DirectoryEffect[],
): void {
  if (record.promisedBy === peer) {
    record.promisedBy = undefined;
    const message = `object ${record.id} will never be made, because ${why}`;
    return fail(record, { code: "OBJECT_LOST", message }, effects);
  }
  record.locations = record.locations.filter((location) => location !== peer);
  if (record.keepers.includes(peer)) {
    record.keepers = record.keepers.filter((keeper) => keeper !== peer);
    effects.push({ type: "copies-changed", object: record.id });
  }
  if (record.phase !== "sealed" || record.inline || record.locations.length > 0) return;
  record.phase = "pending";
  record.madeBy = undefined;
  const { contained } = record;
  record.isRestorable = contained.length === 0;
  record.contained = NOTHING;
  for (const inner of contained) letGo(state, inner, effects);
  effects.push({ type: "lost", object: record.id, why });
}

/** A copy was on its way to a peer when the last one that was known went. */
function restore(record: ObjectRecord, effects: DirectoryEffect[]): void {
  record.phase = "sealed";
  record.isRestorable = false;
  announce(record, effects);
  effects.push({ type: "available", object: record.id });
  effects.push({ type: "copies-changed", object: record.id });
}

function letGo(state: DirectoryState, object: ObjectId, effects: DirectoryEffect[]): void {
  const record = state.objects.get(object);
  if (!record) return;
  record.holds -= 1;
  invariant(record.holds >= 0, `${object}: released more often than held`);
  if (record.holds === 0 && record.phase === "pending") effects.push({ type: "unheld", object });
  freeIfUnwanted(state, record, effects);
}

/** Free the object, and what only it referred to. Iterative: chains may be long. */
function freeIfUnwanted(
  state: DirectoryState,
  first: ObjectRecord,
  effects: DirectoryEffect[],
): void {
  const worklist = [first];
  for (let record = worklist.pop(); record; record = worklist.pop()) {
    // What is not made yet is freed when it is: its maker is still at it.
    if (record.holds > 0 || record.phase === "pending") continue;
    if (!state.objects.delete(record.id)) continue;
    if (record.keepers.length > 0) effects.push({ type: "copies-changed", object: record.id });
    state.inlineBytes -= record.inline?.byteLength ?? 0;
    for (const peer of record.locations) state.storedBy.get(peer)?.delete(record.id);
    effects.push({ type: "free", object: record.id, locations: record.locations });
    for (const inner of record.contained) {
      const innerRecord = state.objects.get(inner);
      if (!innerRecord) continue;
      innerRecord.holds -= 1;
      worklist.push(innerRecord);
    }
  }
}

function indexed(index: Map<PeerId, Set<ObjectId>>, peer: PeerId): Set<ObjectId> {
  let objects = index.get(peer);
  if (!objects) index.set(peer, (objects = new Set()));
  return objects;
}
