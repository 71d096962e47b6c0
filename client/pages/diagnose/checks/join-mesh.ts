import { Peer } from "peerjs";
import { systemClock } from "../../../../shared/clock.ts";
import { MeshError } from "../../../../shared/errors.ts";
import { LocalStore } from "../../../../shared/objects/local-store.ts";
import { noWebRtcDialer, webRtcDialer } from "../../../../shared/peer/dialers.ts";
import { MeshPeer, type PeerBusiness } from "../../../../shared/peer/mesh-peer.ts";
import type { Role } from "../../../../shared/protocol/messages.ts";
import { openWebSocket } from "../../../../shared/transport/websocket.ts";

const OPEN_MS_MAX = 6_000;
const STORE_BYTES_MAX = 2 ** 20;

/**
 * Join as whatever the token allows. A worker says at once that it leaves, so that it gets no work.
 * @throws MeshError `FORBIDDEN` if it allows neither.
 */
export async function joinMesh(
  token: string,
  options: { readonly webrtc: boolean; onBusiness?(message: PeerBusiness): void },
): Promise<MeshPeer> {
  try {
    return await joinAs("driver", token, options);
  } catch (error) {
    if (!MeshError.is(error) || error.code !== "FORBIDDEN") throw error;
  }
  const peer = await joinAs("worker", token, options);
  peer.session.send({ type: "leaving", reason: "it only diagnoses its network" });
  return peer;
}

async function joinAs(
  role: Role,
  token: string,
  { webrtc, onBusiness = () => {} }: Parameters<typeof joinMesh>[1],
): Promise<MeshPeer> {
  const url = `${location.origin.replace(/^http/, "ws")}/v1/peer`;
  let closeWebRtc = (): void => {};
  const canUseWebRtc = webrtc && "RTCPeerConnection" in globalThis;
  const peer = await MeshPeer.join({
    transport: await openWebSocket(new WebSocket(url), { url, deadlineMs: OPEN_MS_MAX }),
    clock: systemClock,
    store: new LocalStore({ bytesMax: STORE_BYTES_MAX }),
    hello: {
      token,
      role,
      runtime: "browser",
      name: "diagnosis",
      webrtc: canUseWebRtc,
      ...(role === "worker" ? { capacity: { cpuMilli: 0, gpuMilli: 0, memoryBytes: 0 } } : {}),
    },
    dialers(welcome, accept) {
      if (!canUseWebRtc) return [noWebRtcDialer(welcome.peer)];
      const rtc = webRtcDialer({ Peer, url: location.origin, welcome, clock: systemClock, accept });
      closeWebRtc = rtc.close;
      return [rtc.dialer];
    },
  });
  void peer.session.ended.then(() => closeWebRtc());
  peer.start(onBusiness);
  return peer;
}
