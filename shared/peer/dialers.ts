import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { PeerId } from "../ids.ts";
import type { Welcome } from "../protocol/messages.ts";
import { PeerJsEndpoint } from "../transport/peerjs.ts";
import type { PeerConstructor } from "../transport/peerjs-api.ts";
import type { Transport } from "../transport/transport.ts";
import type { Dialer } from "./dialer.ts";

/** WebSockets straight to peers that listen for them: between Node peers. */
export const webSocketDialer = (
  dial: (url: string, deadlineMs: number) => Promise<Transport>,
): Dialer => ({
  path: "websocket",
  obstacle: ({ peer, directUrl }) =>
    directUrl ? undefined : `${peer} does not listen for WebSockets`,
  dial: ({ directUrl }, deadlineMs) => dial(directUrl!, deadlineMs),
});

export interface WebRtcOptions {
  readonly Peer: PeerConstructor;
  /** The coordinator's base URL. */
  readonly url: string;
  readonly welcome: Welcome;
  readonly clock: Clock;
  accept(transport: Transport): void;
}

/** WebRTC through the coordinator's signalling: to, from and between tabs. */
export function webRtcDialer(options: WebRtcOptions): { dialer: Dialer; close(): void } {
  const { Peer, url, welcome, clock, accept } = options;
  const endpoint = new PeerJsEndpoint({
    Peer,
    url,
    clock,
    peer: welcome.peer,
    signalKey: welcome.signalKey,
    iceServers: welcome.iceServers,
    onTransport: (_remote: PeerId, transport) => accept(transport),
  });
  return {
    dialer: {
      path: "webrtc",
      obstacle: ({ peer, webrtc }) => (webrtc ? endpoint.obstacle : cannotUseWebRtc(peer)),
      laneObstacle: () => endpoint.laneObstacle,
      dial: ({ peer }, deadlineMs) => endpoint.dial(peer, deadlineMs),
    },
    close: () => void endpoint.close(),
  };
}

/** In place of {@link webRtcDialer}, where this peer has none: its links tell why they are relayed. */
export const noWebRtcDialer = (self: PeerId): Dialer => ({
  path: "webrtc",
  obstacle: () => cannotUseWebRtc(self),
  dial: () => Promise.reject(new MeshError("PEER_UNREACHABLE", cannotUseWebRtc(self))),
});

const cannotUseWebRtc = (peer: PeerId): string => `${peer} cannot use WebRTC`;
