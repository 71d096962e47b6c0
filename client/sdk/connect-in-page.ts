import { Peer } from "peerjs";
import { systemClock } from "../../shared/clock.ts";
import { LocalStore } from "../../shared/objects/local-store.ts";
import { noWebRtcDialer, webRtcDialer } from "../../shared/peer/dialers.ts";
import { openWebSocket } from "../../shared/transport/websocket.ts";
import { connectWith, type ConnectOptions, type PeerPaths, type Platform } from "./connect.ts";
import type { DriverTarget } from "./driver-target.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";

const STORE_BYTES_MAX = 2 ** 30;
/** Where the coordinator's own pages keep the token they were opened with. */
const TOKEN_KEY = "manta-token";

const pagePlatform: Platform = {
  runtime: "browser",
  defaultName: `page of ${hostOfPage()}`,
  tokenAdvice: ", or open this page with #token=...",
  defaults() {
    const fromAddress = new URLSearchParams(location.hash.slice(1)).get("token");
    const token = fromAddress ?? sessionStorage.getItem(TOKEN_KEY);
    // The SDK comes from the coordinator, unless a bundler put it elsewhere.
    const url = import.meta.url.startsWith("http") ? new URL(import.meta.url).origin : undefined;
    return { url: url ?? location.origin, ...(token ? { token } : {}) };
  },
  openSocket: (url, deadlineMs) => openWebSocket(new WebSocket(url), { url, deadlineMs }),
  newStore: ({ storeBytesMax = STORE_BYTES_MAX }) => new LocalStore({ bytesMax: storeBytesMax }),
  dialers(url, { webrtc = true }): Promise<PeerPaths> {
    if (!webrtc || typeof RTCPeerConnection === "undefined") {
      const dialers: PeerPaths["dialers"] = ({ peer }) => [noWebRtcDialer(peer)];
      return Promise.resolve({ webrtc: false, dialers, close: () => {} });
    }
    let close = () => {};
    return Promise.resolve({
      webrtc: true,
      dialers(welcome, accept) {
        const rtc = webRtcDialer({
          Peer,
          url,
          welcome,
          clock: systemClock,
          accept,
        });
        close = rtc.close;
        return [rtc.dialer];
      },
      close: () => close(),
    });
  },
};

/**
 * Connect to a mesh from a page.
 *
 * @param url of its coordinator. Default: where this module was loaded from.
 * @param options the same as `connect(options)`, with `url` among them.
 * @throws MeshError `PEER_UNREACHABLE` if nobody answers there, `UNAUTHENTICATED`, `FORBIDDEN`,
 *   `VERSION_MISMATCH`, `INVALID_ARGUMENT` for an option that is unknown or wrong.
 * @example const mesh = await connect({ url: "http://127.0.0.1:7777", token });
 */
export function connect(url?: string | URL, options?: ConnectOptions): Promise<Mesh>;
export function connect(options: ConnectOptions): Promise<Mesh>;
export function connect(...target: DriverTarget): Promise<Mesh> {
  return connectWith(pagePlatform, target);
}

/** The console runs drivers in a `blob:` document, whose location has an origin and no host. */
function hostOfPage(): string {
  const { host, origin } = globalThis.location;
  return host || origin.replace(/^.*:\/\//, "");
}
