import { expect, test } from "vitest";
import type { ActorId, CallableId, ObjectId } from "../ids.ts";
import { encodeValue } from "../objects/codec.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import type { Order } from "./executor-api.ts";
import { executorMessages } from "./executor-messages.ts";
import { ExecutorStoreMirror } from "./executor-store-mirror.ts";
import {
  type AgentMessage,
  OutcomeWriter,
  packOrders,
  unpackOrders,
  unpackOutcomes,
} from "./executor-wire.ts";

const bytesOf = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const object = (name: string) => name as ObjectId;

test("orders arrive as they were, through structured clone", () => {
  const big = bytesOf(INLINE_BYTES_MAX + 1, 9);
  const orders: Order[] = [
    {
      key: "a",
      kind: "task",
      callable: "d.0" as CallableId,
      args: bytesOf(3, 1),
      dependencies: [],
    },
    {
      key: "b",
      kind: "call",
      actor: "d.1" as ActorId,
      method: "add",
      args: bytesOf(0, 0),
      dependencies: [
        { object: object("d.2"), bytes: bytesOf(5, 2) },
        { object: object("d.3"), bytes: big },
      ],
    },
  ];
  const received = unpackOrders(structuredClone(packOrders(orders)), new Map());
  expect(received[0]).toMatchObject({ ...orders[0] });
  expect(received[1]).toMatchObject({ ...orders[1] });
});

test("a view of a part of a buffer does not send the whole buffer", () => {
  const view = bytesOf(1e6, 3).subarray(10, 20 + INLINE_BYTES_MAX);
  const dependencies = [{ object: object("d.1"), bytes: view }];
  const { table } = packOrders([{ key: "a", kind: "task", args: view, dependencies }]);
  expect(table[0]?.buffer.byteLength).toBe(view.byteLength);
});

test("outcomes arrive as they were; the writer is empty then", () => {
  const writer = new OutcomeWriter((size) => new Uint8Array(size));
  writer.addValue("a", 1.5, encodeValue("small"));
  writer.addError("b", 2, { code: "TASK_FAILED", message: "no" });
  writer.addValue("c", 3, encodeValue(bytesOf(INLINE_BYTES_MAX, 7)));
  const message = structuredClone(writer.take());
  expect(executorMessages.accepts(message)).toBe(true);
  const [a, b, c] = unpackOutcomes(message);
  expect(a).toEqual({
    key: "a",
    ranForMs: 1.5,
    value: { bytes: encodeValue("small").toBytes(), contained: [] },
  });
  expect(b).toEqual({ key: "b", ranForMs: 2, error: { code: "TASK_FAILED", message: "no" } });
  expect(c?.value?.bytes).toEqual(encodeValue(bytesOf(INLINE_BYTES_MAX, 7)).toBytes());
  expect(writer.isEmpty).toBe(true);
});

test.each([
  ["a length beyond the buffer", ["a", 1, 99, 0]],
  ["a place outside the table", ["a", 1, -7, 0]],
  ["a number for a key", [1, 1, 0, 0]],
  ["not a number for a time", ["a", Number.NaN, 0, 0]],
  ["more refs than there are", ["a", 1, 0, 3, "d.1"]],
  ["a ref that is no id", ["a", 1, 0, 1, "no id"]],
  ["a ref that is too long", ["a", 1, 0, 1, "d".repeat(65)]],
  ["more refs than a message carries", ["a", 1, 0, 16_385, ...Array<string>(16_385).fill("d.1")]],
])("outcomes with %s are refused", (_, fields) => {
  const message = { type: "outcomes" as const, fields, bytes: bytesOf(8, 0), table: [] };
  expect(() => unpackOutcomes(message)).toThrow(/malformed outcomes/);
});

test("the mirror sends an object once, drops the least recently used, and sends it again", () => {
  const sent: string[] = [];
  const mirror = new ExecutorStoreMirror(25, (message: AgentMessage) => {
    if (message.type === "store") sent.push(`store ${message.object}`);
    if (message.type === "drop") sent.push(`drop ${message.objects.join(" ")}`);
  });
  for (const name of ["a", "b", "a", "c", "b"]) {
    mirror.stores(object(name), bytesOf(10, 0));
    mirror.trim();
  }
  expect(sent).toEqual(["store a", "store b", "store c", "drop b", "store b", "drop a"]);
});
