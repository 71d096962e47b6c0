import type { LinkCounters } from "../../../shared/protocol/messages.ts";

/** How a path is called, and why it is the one taken. A direct one needs no excuse. */
export function pathWords({ path, reason }: Pick<LinkCounters, "path" | "reason">): {
  readonly label: string;
  readonly tone: "good" | "warn";
  readonly why: string;
} {
  switch (path) {
    case "webrtc":
      return { label: "direct", tone: "good", why: "peer to peer over WebRTC" };
    case "websocket":
      return { label: "direct", tone: "good", why: "peer to peer over a WebSocket" };
    case "local":
      return { label: "direct", tone: "good", why: "inside this machine" };
    case "relay":
      return {
        label: "relayed",
        tone: "warn",
        why: reason ?? "through the coordinator, because no direct path could be opened",
      };
  }
}
