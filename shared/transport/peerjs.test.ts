import { expect, test } from "vitest";
import type { PeerId } from "../ids.ts";
import type { Clock } from "../clock.ts";
import type { DataConnectionLike, PeerLike } from "./peerjs-api.ts";
import { PeerJsEndpoint } from "./peerjs.ts";

/** An endpoint whose other ends begin connections that never open, until the time for that is up. */
function endpoint() {
  let hear!: (connection: DataConnectionLike) => void;
  let expire: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    after(_delayMs, callback) {
      expire.push(callback);
      return () => (expire = expire.filter((it) => it !== callback));
    },
  };
  const signalling: PeerLike = {
    open: true,
    destroyed: false,
    on: (event, listener) => {
      if (event === "connection") hear = listener;
    },
    connect: () => undefined,
    reconnect() {},
    destroy() {},
  };
  const webrtc = new PeerJsEndpoint({
    Peer: function Peer() {
      return signalling;
    } as unknown as new () => PeerLike,
    url: "http://127.0.0.1",
    peer: "me" as PeerId,
    signalKey: "key",
    iceServers: [],
    onTransport() {},
    clock,
  });
  const begun: { readonly peer: string; isRefused: boolean }[] = [];
  return {
    webrtc,
    async begin(peer: string, count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        const one = { peer, isRefused: false };
        begun.push(one);
        const close = () => (one.isRefused = true);
        hear({ peer, peerConnection: null, dataChannel: null, on() {}, close });
      }
      await Promise.resolve();
    },
    accepted: (): string[] => begun.flatMap(({ peer, isRefused }) => (isRefused ? [] : peer)),
    timeIsUp() {
      for (const callback of expire) callback();
    },
  };
}

test("a peer that begins connections and opens none keeps nobody else out", async () => {
  const { webrtc, begin, accepted } = endpoint();
  await begin("eve", 200);
  expect(accepted()).toHaveLength(4);
  await begin("bob", 1);
  expect(accepted()).toContain("bob");
  expect(webrtc.obstacle).toBeUndefined();
});

test("many such peers leave room for connections that this one begins", async () => {
  const { webrtc, begin, accepted, timeIsUp } = endpoint();
  for (let n = 0; n < 200; n++) await begin(`p${n}`, 1);
  expect(accepted()).toHaveLength(32);
  expect(webrtc.obstacle).toBeUndefined();
  timeIsUp();
  await begin("late", 1);
  expect(accepted()).toEqual(["late"]);
});
