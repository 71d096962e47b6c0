import type { Transport } from "../transport/transport.ts";
import { listenWebSocket, type WebSocketListener } from "./websocket-for-node.ts";

/** A hello with its ticket takes less than a tenth: nobody unknown has more memory set aside. */
const FIRST_MESSAGE_BYTES_MAX = 64 * 1024;

const LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Let other Node peers reach this process by WebSocket: faster than WebRTC between Node peers, and no
 * bytes pass the coordinator. Who comes must show a ticket, as on every path.
 *
 * @param listenHost an address of this machine that the others reach. `none`: it does
 *   not listen. Default: 127.0.0.1 if the coordinator is on this machine, else none.
 * @throws MeshError `START_FAILED` if this machine has no such address.
 */
export async function listenForPeers(
  coordinator: URL,
  listenHost: string | undefined,
  onTransport: (transport: Transport) => void,
): Promise<WebSocketListener | undefined> {
  const isLocal = LOCAL_NAMES.includes(coordinator.hostname);
  const host = listenHost ?? (isLocal ? "127.0.0.1" : undefined);
  if (host === undefined || host === "none") return undefined;
  const firstMessageBytesMax = FIRST_MESSAGE_BYTES_MAX;
  return await listenWebSocket({ host, port: 0, path: "/link", firstMessageBytesMax, onTransport });
}
