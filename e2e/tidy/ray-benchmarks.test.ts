import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inProject } from "../setup/project.mjs";

/** Every row that `ray microbenchmark` prints has a body here and one for Ray, by its published name. */
const PUBLISHED = [
  "single_client_get_calls_Plasma_Store",
  "single_client_put_calls_Plasma_Store",
  "multi_client_put_calls_Plasma_Store",
  "single_client_put_gigabytes",
  "single_client_tasks_and_get_batch",
  "multi_client_put_gigabytes",
  "single_client_get_object_containing_10k_refs",
  "single_client_wait_1k_refs",
  "single_client_tasks_sync",
  "single_client_tasks_async",
  "multi_client_tasks_async",
  "1_1_actor_calls_sync",
  "1_1_actor_calls_async",
  "1_1_actor_calls_concurrent",
  "1_n_actor_calls_async",
  "n_n_actor_calls_async",
  "n_n_actor_calls_with_arg_async",
  "1_1_async_actor_calls_sync",
  "1_1_async_actor_calls_async",
  "1_1_async_actor_calls_with_args_async",
  "1_n_async_actor_calls_async",
  "n_n_async_actor_calls_async",
  "placement_group_create/removal",
  "client__get_calls",
  "client__put_calls",
  "client__put_gigabytes",
  "client__tasks_and_get_batch",
  "client__tasks_and_put_batch",
  "client__1_1_actor_calls_sync",
  "client__1_1_actor_calls_async",
  "client__1_1_actor_calls_concurrent",
];
/** Ours, with a twin in Python. */
const OWN = ["actor_creation"];

const folder = inProject("e2e", "bench", "core", "ray");
const namesIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, name]) => name!).toSorted();
const expected = [...PUBLISHED, ...OWN].toSorted();

test("each of Ray's microbenchmarks has a body, by its published name", () => {
  const bodies = readdirSync(folder).filter((file) => file.endsWith("-bodies.ts"));
  const text = bodies.map((file) => readFileSync(join(folder, file), "utf8")).join("");
  expect(namesIn(text, /(?:^\s+name: |asClient\()"([^"]+)"/gm)).toEqual(expected);
});

test("each has its twin for Ray", () => {
  const text = readFileSync(join(folder, "bodies.py"), "utf8");
  expect(namesIn(text, /^ {4}"([^"]+)": \(/gm)).toEqual(expected);
});
