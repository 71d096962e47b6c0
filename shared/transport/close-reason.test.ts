import fc from "fast-check";
import { expect, test } from "vitest";
import {
  reasonToSocketClose,
  reasonToText,
  socketCloseToReason,
  textToReason,
} from "./close-reason.ts";
import type { CloseReason } from "./transport.ts";

const codes = ["done", "peer-left", "protocol-violation", "refused", "timeout", "failed"] as const;

test.each(codes)("%s survives text and WebSocket close, with and without a detail", (code) => {
  for (const reason of [{ code }, { code, detail: "why: because" }] satisfies CloseReason[]) {
    expect(textToReason(reasonToText(reason))).toEqual(reason);
    expect(socketCloseToReason(...reasonToSocketClose(reason))).toEqual(reason);
  }
});

test("a detail of any length and script fits into a close frame", () => {
  const anyText = fc.string({ unit: "grapheme", maxLength: 300 });
  fc.assert(
    fc.property(anyText, (detail) => {
      const [, text] = reasonToSocketClose({ code: "failed", detail });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(123);
    }),
  );
});

test("what a stranger says is a reason too", () => {
  expect(textToReason("toString").code).toBe("peer-left");
  expect(socketCloseToReason(1001, "")).toEqual({
    code: "peer-left",
    detail: "WebSocket closed with 1001",
  });
  expect(socketCloseToReason(1009, "too big").code).toBe("protocol-violation");
  expect(socketCloseToReason(1000, "")).toEqual({ code: "done" });
});
