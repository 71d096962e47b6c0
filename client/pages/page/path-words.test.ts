import { expect, test } from "vitest";
import { pathWords } from "./path-words.ts";

test("a relayed path says why it is not direct", () => {
  expect(pathWords({ path: "relay", reason: "WebRTC is off in this tab" })).toEqual({
    label: "relayed",
    tone: "warn",
    why: "WebRTC is off in this tab",
  });
});

test("a direct path says how, and not what else was tried", () => {
  expect(pathWords({ path: "webrtc", reason: "it does not listen for WebSockets" })).toEqual({
    label: "direct",
    tone: "good",
    why: "peer to peer over WebRTC",
  });
});
