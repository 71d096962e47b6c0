import type { ActorId, PeerId } from "../../shared/ids.ts";
import { resultOf } from "../../shared/ids.ts";
import type { TaskDone } from "../../shared/protocol/messages.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { ControlPorts } from "./types.ts";

/** Nobody waits for this answer: neither the value that it left at its worker nor the actor stays. */
export function forgetAnswer(
  { directory, actors }: ControlPlane,
  ports: ControlPorts,
  peer: PeerId,
  { task, inline }: TaskDone,
): void {
  const object = resultOf(task);
  if (!inline && !directory.objects.get(object)?.locations.includes(peer)) {
    ports.send(peer, { type: "free-objects", objects: [object] }, 0);
  }
  const actor = task as string as ActorId;
  if (actors.knows(actor)) ports.send(peer, { type: "stop-actor", actor }, 0);
}
