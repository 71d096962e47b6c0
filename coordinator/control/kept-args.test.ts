import fc from "fast-check";
import { expect, test } from "vitest";
import { argsOf, keepArgs, sizeOfArgs } from "./kept-args.ts";
import { ownText } from "./own-text.ts";

test("arguments are the same bytes after they were kept, short or long, kept once or twice", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const kept = keepArgs(keepArgs(bytes as Uint8Array<ArrayBuffer>));
      expect(argsOf(kept)).toEqual(bytes);
      expect(sizeOfArgs(kept)).toBe(bytes.byteLength);
    }),
  );
});

test("an own text is the same text", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      expect(ownText(text)).toBe(text);
    }),
  );
});
