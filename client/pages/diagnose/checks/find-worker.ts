import type { PeerSummary } from "../../../../shared/protocol/messages.ts";
import { getJson } from "../../page/mesh-api.ts";
import type { Scene } from "./scene.ts";

/** A Node worker of the mesh, always the same one. */
export async function findWorker(scene: Scene): Promise<PeerSummary | undefined> {
  if (scene.worker) return scene.worker;
  const state = await getJson<{ peers: readonly PeerSummary[] }>("/v1/state", scene.token ?? "");
  const worker = state.peers.find(({ role, runtime }) => role === "worker" && runtime === "node");
  if (worker) scene.worker = worker;
  return worker;
}
