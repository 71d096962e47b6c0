import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ActorPool } from "../../client/sdk/actor-pool.ts";
import { Queue } from "../../client/sdk/queue.ts";
import { Mesh } from "../../shared/driver/mesh.ts";
import { ObjectRef } from "../../shared/driver/object-ref.ts";
import { ObjectStream } from "../../shared/driver/object-stream.ts";
import { PlacementGroup } from "../../shared/driver/placement-group.ts";
import { inProject } from "../setup/project.mjs";

/** docs/api.md tells of everything that can be imported, called or given. */
const reference = readFileSync(inProject("docs", "api.md"), "utf8");
/** What stands in code there, with its arguments and in lists. */
const words = new Set(
  [...reference.matchAll(/`([^`\n]+)`|```[^]*?```/g)].flatMap(([text]) => text.match(/\w+/g) ?? []),
);

const read = (...path: string[]): string => readFileSync(inProject(...path), "utf8");

test.each(["index.ts", "browser.ts"])("every export of %s is in the reference", (file) => {
  const lists = read("client", "sdk", file).matchAll(/export (?:type )?\{([^}]*)\}/g);
  const names = [...lists].flatMap(([, list]) =>
    list!.split(",").map((name) => name.replace(/^\s*type /, "").trim()),
  );
  expect(names).toContain("connect");
  expect(names.filter((name) => name !== "" && !words.has(name))).toEqual([]);
});

test.each([Mesh, ObjectRef, ObjectStream, PlacementGroup, ActorPool, Queue])(
  "every method of %o is in the reference",
  ({ prototype }) => {
    const members = Object.getOwnPropertyNames(prototype);
    // The table is what a ref belongs to, for the SDK's own use.
    const isMissing = (name: string) =>
      !words.has(name) && !["table", "epoch", "task", "toJSON"].includes(name);
    expect(members.filter((name) => isMissing(name))).toEqual(["constructor"]);
  },
);

test.each([
  ["client/sdk/connect.ts", "ConnectOptions"],
  ["client/sdk/start.ts", "StartOptions"],
  ["client/sdk/queue.ts", "QueueOptions"],
  ["shared/driver/options.ts", "CallableOptions"],
  ["shared/driver/options.ts", "PutOptions"],
  ["shared/driver/mesh.ts", "WaitOptions"],
  ["shared/driver/where-options.ts", "WhereOptions"],
  ["shared/driver/actor-class-options.ts", "ActorClassOptions"],
  ["shared/driver/actor-class-options.ts", "CallOptions"],
  ["shared/driver/placement-group.ts", "PlacementGroupOptions"],
])("every option in %s, %s, is in the reference", (file, name) => {
  const [, body = ""] = new RegExp(`(?:interface|type) ${name}\\b([^]*?)\\n\\s*}`).exec(
    read(file),
  )!;
  const options = [...body.matchAll(/^\s+readonly (\w+)\??:/gm)].map(([, option]) => option!);
  expect(options.length).toBeGreaterThan(0);
  expect(options.filter((option) => !words.has(option))).toEqual([]);
});
