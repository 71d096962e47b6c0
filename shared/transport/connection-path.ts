import { MeshError } from "../errors.ts";
import type { PeerConnectionLike } from "./peerjs-api.ts";
import type { Transport } from "./transport.ts";

/** How the packets of a WebRTC transport travel. */
export interface ConnectionPath {
  /** `turn` if a TURN server passes them on. */
  readonly path: "direct" | "turn";
  /** Kinds of the two ICE candidates in use: `host`, `srflx`, `prflx` or `relay`. */
  readonly localType: string;
  readonly remoteType: string;
  readonly protocol: string;
  readonly roundTripMs?: number;
}

/** The fields of any kind of entry that matter here. */
interface Stats {
  readonly id: string;
  readonly type: string;
  readonly selectedCandidatePairId?: string;
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
  readonly candidateType?: string;
  readonly protocol?: string;
  readonly nominated?: boolean;
  readonly selected?: boolean;
  readonly state?: string;
  readonly currentRoundTripTime?: number;
}

const connections = new WeakMap<Transport, PeerConnectionLike>();

/** Remember which connection carries a transport. */
export function carries(connection: PeerConnectionLike, transport: Transport): void {
  connections.set(transport, connection);
}

/**
 * Asks the connection's own statistics, so it tells what happens and not what was intended.
 * @throws MeshError `INVALID_ARGUMENT` if the transport is not WebRTC; `DISCONNECTED` if the
 *   connection has no candidate pair in use (any more).
 */
export async function connectionPath(transport: Transport): Promise<ConnectionPath> {
  const connection = connections.get(transport);
  if (!connection) {
    throw new MeshError("INVALID_ARGUMENT", `a ${transport.path} transport has no ICE path`);
  }
  const stats = new Map<string | undefined, Stats>();
  (await connection.getStats()).forEach((entry) => {
    stats.set((entry as Stats).id, entry as Stats);
  });
  const pair = selectedPair(stats);
  const local = stats.get(pair?.localCandidateId);
  const remote = stats.get(pair?.remoteCandidateId);
  if (!pair || !local || !remote) {
    throw new MeshError("DISCONNECTED", "the WebRTC connection has no candidate pair in use");
  }
  const { candidateType: localType = "unknown", protocol = "udp" } = local;
  const { candidateType: remoteType = "unknown" } = remote;
  const roundTripMs = roundTrip(connection, pair);
  return {
    path: localType === "relay" || remoteType === "relay" ? "turn" : "direct",
    localType,
    remoteType,
    protocol,
    ...(roundTripMs !== undefined && { roundTripMs }),
  };
}

function selectedPair(stats: ReadonlyMap<string | undefined, Stats>): Stats | undefined {
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const selected = stats.get(transport?.selectedCandidatePairId);
  // Firefox has no transport entry, but marks the pair.
  return (
    selected ??
    all.find(
      ({ type, selected: isSelected, nominated, state }) =>
        type === "candidate-pair" && (isSelected === true || (nominated && state === "succeeded")),
    )
  );
}

function roundTrip(connection: PeerConnectionLike, pair: Stats): number | undefined {
  const value = pair.currentRoundTripTime;
  if (value === undefined || value < 0) return undefined;
  // Seconds by the standard, milliseconds in node-datachannel's polyfill.
  return "selectedCandidatePair" in connection ? value : value * 1_000;
}
