import { PeerConnection, setSctpSettings, type DataChannel } from "node-datachannel";
import { SCTP_SETTINGS } from "../../../../shared/node/peerjs-for-node.ts";
import type { Order, Report } from "./child.ts";
import { HIGH_WATER_BYTES, LOW_WATER_BYTES, MESSAGE_BYTES } from "./settings.ts";

/**
 * One end of a bare data channel in Node, by node-datachannel's own API (not its polyfill of the
 * browser's), with the SCTP settings of the mesh. Each buffer is announced by its size in a text
 * message.
 */
setSctpSettings(SCTP_SETTINGS);
const connection = new PeerConnection("bare", { iceServers: [] });
const say = (report: Report) => process.send!(report);
let channel: DataChannel | undefined;
/** Made in the round that warms up, as the mesh's object is there before the clock runs. */
let source = new Uint8Array(0);

connection.onGatheringStateChange((state) => {
  if (state === "complete") say({ type: "sdp", sdp: connection.localDescription()!.sdp });
});
connection.onDataChannel(use);

process.on("message", (order: Order) => {
  switch (order.type) {
    case "offer":
      return use(connection.createDataChannel("bare"));
    case "answer":
      return connection.setRemoteDescription(order.sdp, "offer");
    case "accept":
      return connection.setRemoteDescription(order.sdp, "answer");
    case "send":
      return send(order.sizeBytes);
    default:
      throw new Error("no such order", { cause: order satisfies never });
  }
});

function use(opened: DataChannel): void {
  channel = opened;
  channel.setBufferedAmountLowThreshold(LOW_WATER_BYTES);
  const isOpen = () => say({ type: "open" });
  if (channel.isOpen()) isOpen();
  else channel.onOpen(isOpen);
  let buffer = new Uint8Array(0);
  let receivedBytes = 0;
  channel.onMessage((data) => {
    if (typeof data === "string") {
      buffer = new Uint8Array(Number(data));
      receivedBytes = 0;
      return;
    }
    buffer.set(data instanceof ArrayBuffer ? new Uint8Array(data) : data, receivedBytes);
    receivedBytes += data.byteLength;
    if (receivedBytes === buffer.length) say({ type: "received", sizeBytes: receivedBytes });
  });
}

function send(sizeBytes: number): void {
  if (source.length !== sizeBytes) source = new Uint8Array(sizeBytes).fill(7);
  const to = channel!;
  to.sendMessage(String(sizeBytes));
  let offset = 0;
  const pump = () => {
    while (offset < sizeBytes && to.bufferedAmount() < HIGH_WATER_BYTES) {
      const end = Math.min(offset + MESSAGE_BYTES, sizeBytes);
      to.sendMessageBinary(source.subarray(offset, end));
      offset = end;
    }
  };
  to.onBufferedAmountLow(pump);
  pump();
}
