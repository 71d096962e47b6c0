import type { ObjectId } from "../../../../shared/ids.ts";
import type { Link } from "../../../../shared/peer/link.ts";
import type { MeshPeer } from "../../../../shared/peer/mesh-peer.ts";
import { formatBytes, formatDuration } from "../../page/format.ts";
import type { Check, Finding } from "../check.ts";
import { joinMesh } from "./join-mesh.ts";
import { findWorker } from "./find-worker.ts";
import type { Scene } from "./scene.ts";

const DIRECT_MS_MAX = 12_000;
const LOOK_EVERY_MS = 100;
/** Sent to measure: as much as goes in this time. */
const MEASURE_MS = 1_500;
const CHUNK_BYTES = 60_000;
const MEASURE_BYTES_MAX = 16 * 2 ** 20;

export const directCheck: Check<Scene> = {
  id: "direct",
  title: "Direct connection to a worker",
  needs: ["join", "webrtc"],
  deadlineMs: DIRECT_MS_MAX + 10_000,
  async run(scene) {
    const peer = scene.peer!;
    const worker = await findWorker(scene);
    if (!worker) return noWorker();
    const link = await directLink(peer, scene);
    if (link.path === "webrtc") {
      return { tone: "good", text: `To ${worker.name} over WebRTC. ${await measure(peer, link)}` };
    }
    return {
      tone: "bad",
      text: `To ${worker.name} none was opened. ${link.reason ?? ""}`.trim(),
      next:
        "Data goes through the coordinator. For a direct path this network has to let UDP through, " +
        "or the mesh needs a TURN server: “manta start --ice-server turn:USER:PASSWORD@HOST:PORT”.",
    };
  },
};

export const relayCheck: Check<Scene> = {
  id: "relay",
  title: "Relay through the coordinator",
  needs: ["join"],
  deadlineMs: 20_000,
  async run(scene) {
    const worker = await findWorker(scene);
    if (!worker) return noWorker();
    const peer = await joinMesh(scene.token ?? "", { webrtc: false });
    try {
      const link = await peer.links.to(worker.peer);
      return { tone: "good", text: `To ${worker.name}. ${await measure(peer, link)}` };
    } finally {
      peer.leave("its diagnosis is done");
    }
  },
};

const noWorker = (): Finding => ({
  tone: "warn",
  text: "There is no Node worker in the mesh to try it with.",
  next: "Start one (“manta worker”), then check again.",
});

/** The link by WebRTC if one opens in time, else the one there is. */
async function directLink({ links }: MeshPeer, { worker }: Scene): Promise<Link> {
  let link = await links.to(worker!.peer);
  const untilMs = performance.now() + DIRECT_MS_MAX;
  // The relay takes over after a moment, and the direct path may still open.
  while (link.path === "relay" && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    link = links.openTo(worker!.peer) ?? link;
  }
  return link;
}

/** Round trip and upload, in words. What is sent are parts of an object that nobody asked for. */
async function measure({ self }: MeshPeer, link: Link): Promise<string> {
  await link.delivered();
  const roundTripMs = link.roundTripMs ?? 0;
  const object = `${self}.diagnosis` as ObjectId;
  const payload = new Uint8Array(CHUNK_BYTES);
  const startedMs = performance.now();
  let sentBytes = 0;
  while (performance.now() - startedMs < MEASURE_MS && sentBytes < MEASURE_BYTES_MAX) {
    const header = {
      type: "chunk" as const,
      object,
      offset: sentBytes,
      totalBytes: MEASURE_BYTES_MAX,
    };
    await link.sendChunk(header, payload);
    sentBytes += payload.length;
  }
  await link.delivered();
  const perSecond = (sentBytes * 1_000) / (performance.now() - startedMs);
  return `Round trip ${formatDuration(roundTripMs)}, upload ${formatBytes(perSecond)}/s.`;
}
