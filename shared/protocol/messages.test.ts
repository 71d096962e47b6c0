import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryTransportPair } from "../transport/memory.ts";
import { decodeBatch } from "./batch.ts";
import { INLINE_BYTES_MAX } from "./limits.ts";
import { chunkHeaders, linkMessages } from "./link-messages.ts";
import {
  coordinatorMessages,
  driverMessages,
  relayHeaders,
  workerMessages,
  type Submit,
} from "./messages.ts";
import { Outbox } from "./outbox.ts";

const TABLES = {
  driverMessages,
  workerMessages,
  coordinatorMessages,
  relayHeaders,
  linkMessages,
  chunkHeaders,
};

const submit = {
  type: "submit",
  task: "d1.0",
  callable: "d1.1",
  args: Uint8Array.of(0x90),
  dependencies: ["d1.2"],
};

test("[M1] a field that is not known is ignored, and an optional one may be missing", () => {
  expect(driverMessages.accepts({ ...submit, fromTheFuture: { a: 1 } })).toBe(true);
  const { dependencies: _, ...less } = submit;
  expect(driverMessages.accepts(less)).toBe(true);
});

test("[M2] a field of the wrong kind, or a missing one, is refused, and the complaint names it", () => {
  const wrong = { task: "no/id", callable: 7, args: "text", dependencies: [null] };
  for (const [field, value] of Object.entries(wrong)) {
    const message = { ...submit, [field]: value };
    expect(driverMessages.accepts(message), field).toBe(false);
    expect(driverMessages.complaint(message)).toContain(`submit/${field}`);
  }
  const { task: _, ...headless } = submit;
  expect(driverMessages.accepts(headless)).toBe(false);
});

test("[M2] no input whatever throws, and what is no message of the table is refused", () => {
  // What MessagePack can carry and JSON cannot must not break the complaint about it.
  const value = fc.anything({ withBigInt: true, withMap: true, withSet: true, withDate: true });
  const type = fc.oneof(fc.string(), value);
  const noise = fc.oneof(value, fc.record({ type, task: value }));
  fc.assert(
    fc.property(noise, (message) => {
      for (const table of Object.values(TABLES)) {
        expect(table.accepts(message)).toBe(false);
        expect(table.complaint(message)).toEqual(expect.any(String));
      }
    }),
  );
});

test("[M2] a driver may not say what only a worker says, nor the coordinator what peers say", () => {
  const blocked = { type: "task-blocked", task: "d.1", attempt: 0 };
  expect(workerMessages.accepts(blocked)).toBe(true);
  expect(driverMessages.accepts(blocked)).toBe(false);
  // A worker submits for the tasks that it runs.
  expect(workerMessages.accepts(submit)).toBe(true);
  expect(coordinatorMessages.accepts(submit)).toBe(false);
});

test.each(Object.entries(TABLES))("[M3] each field of %s has a bound", (_, { schemas }) => {
  for (const [type, schema] of Object.entries(schemas)) {
    expect(unboundedPaths(schema as unknown as Schema, type)).toEqual([]);
  }
});

test("[M4] a value that is not small does not fit into a message", () => {
  const withArgs = (bytes: number) => ({ ...submit, args: new Uint8Array(bytes) });
  expect(driverMessages.accepts(withArgs(INLINE_BYTES_MAX))).toBe(true);
  expect(driverMessages.accepts(withArgs(INLINE_BYTES_MAX + 1))).toBe(false);
});

test("[M5] the messages of one turn leave as one batch, in order", async () => {
  const [near, far] = memoryTransportPair();
  const batches: (readonly unknown[])[] = [];
  const received = new Promise<void>((resolve) => {
    far.onMessage = (bytes) => {
      batches.push(decodeBatch(bytes));
      if (batches.length === 2) resolve();
    };
  });
  const outbox = new Outbox<{ readonly n: number }>(near);
  for (const n of [0, 1, 2]) outbox.push({ n });
  await new Promise((resolve) => setTimeout(resolve));
  outbox.push({ n: 3 });
  await received;
  expect(batches).toEqual([[{ n: 0 }, { n: 1 }, { n: 2 }], [{ n: 3 }]]);
});

test("the types follow the schemas", () => {
  const typed: Submit | undefined = driverMessages.accepts(submit) ? (submit as Submit) : undefined;
  expect(typed?.args).toHaveLength(1);
});

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema | readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Where a schema lets something of any size through. */
function unboundedPaths(schema: Schema, path: string): readonly string[] {
  if ("const" in schema || schema.enum || schema.type === "boolean" || schema.type === "null") {
    return [];
  }
  const below = (part: Schema, name: string | number) => unboundedPaths(part, `${path}/${name}`);
  if (schema.anyOf) return schema.anyOf.flatMap(below);
  const isBounded = {
    string: schema.maxLength !== undefined,
    integer: schema.minimum !== undefined && schema.maximum !== undefined,
    // The numbers in an error's details are shown to people, never counted with.
    number: (schema.minimum ?? schema.maximum) !== undefined || path.includes("/details/"),
    array: schema.maxItems !== undefined || Array.isArray(schema.items),
    object: !schema.patternProperties || schema.maxProperties !== undefined,
    // Bytes: a plain check of the value, which M4's test looks at.
    undefined: "~refine" in schema,
  }[String(schema.type)];
  const own = isBounded ? [] : [path];
  const items = ([schema.items ?? []] as readonly (Schema | readonly Schema[])[]).flat();
  const fields = { ...schema.properties, ...schema.patternProperties };
  const nested = Object.entries(fields).flatMap(([name, part]) => below(part, name));
  return [...own, ...items.flatMap((item) => below(item, "*")), ...nested];
}
