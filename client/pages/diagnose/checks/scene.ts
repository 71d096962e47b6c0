import type { MeshPeer } from "../../../../shared/peer/mesh-peer.ts";
import type { PeerSummary, Welcome } from "../../../../shared/protocol/messages.ts";

/** What checks hand on to those after them. */
export interface Scene {
  readonly token: string | undefined;
  /** This page as a peer of the mesh, by the best path there is. */
  peer?: MeshPeer;
  welcome?: Welcome;
  /** The Node worker that paths are tried to. */
  worker?: PeerSummary;
  /** Ends whatever a check left open. */
  readonly closers: (() => void)[];
}
