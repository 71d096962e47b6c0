import { MeshError } from "../../shared/errors.ts";
import { isMadeBy, type PeerId } from "../../shared/ids.ts";
import type { PeerMessage } from "../../shared/protocol/messages.ts";
import type { DirectoryEvent } from "../directory/types.ts";
import { sealedFrom } from "./object-state.ts";
import { ownText } from "./own-text.ts";
import type { PeerRecord } from "./types.ts";

type ObjectMessage = Extract<
  PeerMessage,
  {
    type: "promise-object" | "release" | "locate-object";
  }
>;

/**
 * What a peer's message about objects means to the directory.
 * @throws MeshError `PROTOCOL_VIOLATION` if the peer may not say that of this object.
 */
export function directoryEventOf(from: PeerRecord, message: ObjectMessage): DirectoryEvent {
  const { peer } = from;
  switch (message.type) {
    case "promise-object":
      requireMine(from, message.object);
      return {
        type: "object-promised",
        object: ownText(message.object),
        holder: peer,
        by: peer,
        isAwaited: false,
      };
    case "release":
      return { type: "released", peer, objects: message.objects };
    case "locate-object":
      return { type: "located", peer, object: message.object };
  }
}

/**
 * What a value or an error that a peer has made means to the directory.
 * @throws MeshError `PROTOCOL_VIOLATION` if the object is not the peer's to make.
 */
export function madeEventOf(
  from: PeerRecord,
  message: Extract<PeerMessage, { type: "put-object" }>,
  isConnected: (peer: PeerId) => boolean,
): DirectoryEvent {
  const { error } = message;
  const object = ownText(message.object);
  // The result of an actor call is stored by the actor's worker, under its caller's name.
  const owner = from.role === "worker" ? (message.holder ?? from.peer) : from.peer;
  if (!isMadeBy(object, owner)) throw notMine(from, object);
  if (owner !== from.peer && (message.inline || error)) {
    // Small answers and errors go to the caller alone, who publishes them if need be.
    throw new MeshError("PROTOCOL_VIOLATION", `${from.peer} may only announce ${object}`);
  }
  // A caller that left meanwhile cannot hold the answer.
  const holder = isConnected(owner) ? owner : undefined;
  if (error) return { type: "object-failed", object, error, holder };
  const value = sealedFrom(message, from.peer, undefined, message.replicas ?? 1);
  return { type: "object-sealed", object, value, holder };
}

/** @throws MeshError `PROTOCOL_VIOLATION` unless the peer itself made this id. */
export function requireMine(from: PeerRecord, id: string): void {
  if (!isMadeBy(id, from.peer)) throw notMine(from, id);
}

const notMine = (from: PeerRecord, id: string): MeshError =>
  new MeshError("PROTOCOL_VIOLATION", `${from.peer} may not change ${id}: another peer made it`);
