import { expect, test } from "vitest";
import { pathWords } from "./path-words.ts";

test("a relayed path says why it is not direct", () => {
  expect(pathWords({ path: "relay", reason: "WebRTC is off in this tab" })).toEqual({
    label: "relayed",
    tone: "warn",
    why: "WebRTC is off in this tab",
  });
  expect(pathWords({ path: "webrtc" }).label).toBe("direct");
});
