import { expect, test } from "vitest";
import type { ObjectId } from "../ids.ts";
import { HeldRefs } from "./held-refs.ts";

test("more refs than one message can name are released in several", () => {
  const told: string[] = [];
  const held = new HeldRefs((type, objects) => told.push(`${type} ${objects.length}`));
  const all = Array.from({ length: 20_000 }, (_, i) => `d.${i.toString(36)}` as ObjectId);
  held.hold("e1", all.slice(0, 10_000));
  held.hold("e1", all.slice(10_000));
  held.releaseAll("e1");
  expect(told).toEqual(["hold 10000", "hold 10000", "release 16384", "release 3616"]);
});
