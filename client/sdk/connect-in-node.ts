import { hostname } from "node:os";
import { systemClock } from "../../shared/clock.ts";
import { defaultStoreBytes } from "../../shared/node/default-store-bytes.ts";
import { NodeSpillFiles } from "../../shared/node/node-spill-files.ts";
import { FileSpill } from "../../shared/objects/spill-files.ts";
import { removeLeftovers, SpillFolder } from "../../shared/node/spill-folder.ts";
import { LocalStore } from "../../shared/objects/local-store.ts";
import { dialDirectSocket } from "../../shared/node/direct-socket.ts";
import { listenForPeers } from "../../shared/node/listen-for-peers.ts";
import { loadPeerJs } from "../../shared/node/peerjs-for-node.ts";
import { dialWebSocket } from "../../shared/node/websocket-for-node.ts";
import { noWebRtcDialer, webRtcDialer, webSocketDialer } from "../../shared/peer/dialers.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { connectWith, type ConnectOptions, type PeerPaths, type Platform } from "./connect.ts";
import type { DriverTarget } from "./driver-target.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";

const DEFAULT_URL = "http://127.0.0.1:7777";

const nodePlatform: Platform = {
  runtime: "node",
  defaultName: `process ${process.pid} on ${hostname()}`,
  tokenAdvice: ", or set MANTA_TOKEN",
  defaults() {
    const token = process.env["MANTA_TOKEN"];
    return { url: process.env["MANTA_URL"] ?? DEFAULT_URL, ...(token ? { token } : {}) };
  },
  openSocket: (url, deadlineMs) => dialWebSocket(url, { deadlineMs }),
  newStore({ storeBytesMax, spillDir }) {
    void removeLeftovers(spillDir);
    return new LocalStore({
      bytesMax: storeBytesMax ?? defaultStoreBytes(),
      spill: new FileSpill(new NodeSpillFiles(new SpillFolder(spillDir))),
    });
  },
  async dialers(url, { webrtc = true, listenHost }): Promise<PeerPaths> {
    let accept: ((transport: Transport) => void) | undefined;
    const [listener, Peer] = await Promise.all([
      listenForPeers(new URL(url), listenHost, (transport) => {
        if (accept) accept(transport);
        else transport.close({ code: "refused", detail: "this driver is not in the mesh yet" });
      }),
      webrtc ? loadPeerJs() : undefined,
    ]);
    let closeWebRtc = () => {};
    return {
      webrtc: Peer !== undefined,
      ...(listener ? { directUrl: listener.url } : {}),
      dialers(welcome, acceptLink) {
        accept = acceptLink;
        const direct = webSocketDialer(dialDirectSocket);
        if (!Peer) return [direct, noWebRtcDialer(welcome.peer)];
        const rtc = webRtcDialer({ Peer, url, welcome, clock: systemClock, accept: acceptLink });
        closeWebRtc = rtc.close;
        return [direct, rtc.dialer];
      },
      close() {
        closeWebRtc();
        void listener?.close();
      },
    };
  },
};

/**
 * Connect to a mesh.
 *
 * @param url of its coordinator. Default: the environment's `MANTA_URL`, else http://127.0.0.1:7777.
 * @param options the same as `connect(options)`, with `url` among them.
 * @throws MeshError `PEER_UNREACHABLE` if nobody answers there, `UNAUTHENTICATED`, `FORBIDDEN`,
 *   `VERSION_MISMATCH`, `INVALID_ARGUMENT` for an option that is unknown or wrong.
 * @example const mesh = await connect({ url: "http://127.0.0.1:7777", token });
 */
export function connect(url?: string | URL, options?: ConnectOptions): Promise<Mesh>;
export function connect(options: ConnectOptions): Promise<Mesh>;
export function connect(...target: DriverTarget): Promise<Mesh> {
  return connectWith(nodePlatform, target);
}

/** {@link connect}, and do something when the mesh is closed. */
export const connectOwned = (
  url: string,
  options: ConnectOptions,
  onClose: () => Promise<void>,
): Promise<Mesh> => connectWith(nodePlatform, [url, options], onClose);
