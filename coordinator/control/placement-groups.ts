import { MeshError } from "../../shared/errors.ts";
import { makerOf, type GroupId, type JobId, type ObjectId, type PeerId } from "../../shared/ids.ts";
import { encodeValue } from "../../shared/objects/codec.ts";
import type { Define, PeerMessage } from "../../shared/protocol/messages.ts";
import type { CreatePlacementGroup } from "../../shared/protocol/placement-messages.ts";
import type { DirectoryEvent } from "../directory/types.ts";
import { wantSameLabels } from "../scheduler/placement-groups.ts";
import type { SchedulerEffect, SchedulerEvent, SchedulerState } from "../scheduler/types.ts";
import { sealedFrom } from "./object-state.ts";
import { requireMine } from "./object-messages.ts";
import type { PeerRecord } from "./types.ts";

/**
 * The object with a placement group's id exists once all its bundles have their places: whoever
 * waits for the group waits for that, with deadlines and explanations as for any object.
 */

type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

/** @throws MeshError `PROTOCOL_VIOLATION` if the peer may not create it. */
export function groupPromised(from: PeerRecord, message: CreatePlacementGroup): DirectoryEvent {
  requireMine(from, message.group);
  const object = objectOf(message.group);
  return { type: "object-promised", object, holder: from.peer, by: undefined, isAwaited: true };
}

/** @throws MeshError `PROTOCOL_VIOLATION` if it is another's, or cannot be packed by its labels. */
export function groupEventOf(
  from: PeerRecord,
  message: CreatePlacementGroup | Extract<PeerMessage, { type: "remove-placement-group" }>,
): Untimed<SchedulerEvent> {
  const { group } = message;
  requireMine(from, group);
  if (message.type === "remove-placement-group") {
    return { type: "placement-group-removed", group, why: "its driver removed it" };
  }
  const { name, strategy, bundles } = message;
  if (strategy === "strictPack" && !wantSameLabels(bundles)) {
    const text = `${group}: bundles of strictPack want one worker, so they want the same labels`;
    throw new MeshError("PROTOCOL_VIOLATION", text);
  }
  return {
    type: "placement-group-created",
    group,
    job: from.peer as string as JobId,
    name,
    strategy,
    bundles: bundles.map(({ demands, labels = {} }) => ({ demands, labels })),
  };
}

/** @throws MeshError `PROTOCOL_VIOLATION` if it wants to run in the group of another job. */
export function requireOwnGroup(
  { callable, strategy }: Define,
  job: JobId,
  { placementGroups }: SchedulerState,
): void {
  if (typeof strategy !== "object" || !("group" in strategy)) return;
  const id = strategy.group;
  // One that is not there yet, or not any more, is known by its maker.
  const owner = placementGroups.get(id)?.job ?? (makerOf(id) as string as JobId);
  if (owner === job) return;
  const message = `${callable} may not run in placement group ${id} of another job`;
  throw new MeshError("PROTOCOL_VIOLATION", message);
}

const READY = encodeValue(true).toBytes();

type Outcome = Extract<
  SchedulerEffect,
  { type: "placement-group-ready" | "placement-group-ended" }
>;

/** Whoever waits for the group hears that it is ready, or why it never will be. */
export function groupOutcome(effect: Outcome): DirectoryEvent {
  const object = objectOf(effect.group);
  if (effect.type === "placement-group-ended") {
    return { type: "object-failed", object, error: effect.error, holder: undefined };
  }
  const made = { sizeBytes: READY.byteLength, inline: READY };
  // Nobody stores it: it rides inline.
  const value = sealedFrom(made, "" as PeerId, undefined, 1);
  return { type: "object-sealed", object, value, holder: undefined };
}

const objectOf = (group: GroupId): ObjectId => group as string as ObjectId;
