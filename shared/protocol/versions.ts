import { MeshError } from "../errors.ts";

/**
 * Protocol versions this build speaks, newest first. Optional fields may be added freely (receivers
 * ignore what they do not know); anything else is a new version.
 */
export const PROTOCOL_VERSIONS: readonly number[] = [1];

/**
 * The newest version both sides speak.
 * @throws MeshError `VERSION_MISMATCH` if there is none.
 */
export function negotiateVersion(offered: readonly number[]): number {
  const version = PROTOCOL_VERSIONS.find((ours) => offered.includes(ours));
  if (version !== undefined) return version;
  throw new MeshError(
    "VERSION_MISMATCH",
    `the other side speaks protocol ${offered.join(", ") || "none"}, this one ${PROTOCOL_VERSIONS.join(", ")}; update the older of the two`,
  );
}
