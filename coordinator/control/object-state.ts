import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { ObjectRecord, Sealed } from "../directory/types.ts";

/** What peers are told about an object that is made. */
export function objectStateOf(record: ObjectRecord): ObjectState {
  const { id: object, sizeBytes } = record;
  if (record.error) return { object, error: record.error };
  if (record.inline) return { object, sizeBytes, inline: record.inline };
  return { object, sizeBytes, locations: [...record.locations], version: record.version };
}

/** A value as its maker reported it: inline, or in its own store. */
export function sealedFrom(
  report: {
    readonly sizeBytes: number;
    readonly inline?: Uint8Array<ArrayBuffer>;
    readonly contained?: readonly ObjectId[];
    readonly ranForMs?: number;
    readonly attempt?: number;
  },
  storedBy: PeerId,
  madeBy: PeerId | undefined,
  replicas: number,
): Sealed {
  return {
    sizeBytes: report.sizeBytes,
    inline: report.inline,
    location: report.inline ? undefined : storedBy,
    contained: report.contained ?? [],
    madeBy,
    replicas,
    version: report.attempt ?? 0,
    costMs: report.ranForMs,
  };
}

/** What is said of an object whose last copy went, and which cannot be made again. */
export const lostText = ({ id, sizeBytes }: ObjectRecord, why: string, obstacle: string): string =>
  `object ${id} (${sizeBytes} bytes) is lost: its last copy went when ${why}, and ${obstacle}. ` +
  `Make it again, or keep a second copy of what cannot be made again`;

/** What is said of an object that is not in the directory. */
export const freed = (object: ObjectId): WireError => ({
  code: "OBJECT_FREED",
  message: `object ${object} does not exist: its last ref was disposed, or its driver left. Keep a ref as long as you need the value`,
  details: { object },
});

/** What is said of an object to those who take no part in its job. */
export const foreign = (object: ObjectId): WireError => ({
  code: "TICKET_REFUSED",
  message: `object ${object} belongs to another job, and this peer takes no part in it. Refs cross from job to job in calls of actors that one of them found by name`,
  details: { object },
});
