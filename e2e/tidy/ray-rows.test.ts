import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../setup/project.mjs";

/**
 * docs/ray.md goes through Ray's features one by one. Here is what Ray has, by its own names, so that no
 * feature can be left out; and each row names tests, which must exist, or says why Manta differs.
 */
const FEATURES = {
  tasks: [
    "@ray.remote",
    ".remote()",
    ".options()",
    "num_cpus",
    "num_gpus",
    "memory",
    "resources",
    "accelerator_type",
    "max_retries",
    "retry_exceptions",
    "task_oom_retries",
    "max_calls",
    "runtime_env",
    "scheduling_strategy",
    "SPREAD",
    "NodeAffinity",
    "label_selector",
    "fallback_strategy",
    "ray.cancel",
    "force",
    "recursive",
    "num_returns",
    "ObjectRefGenerator",
    "_generator_backpressure_num_objects",
    "nested tasks",
    "nested refs",
    "name",
    "enable_task_events",
    "_labels",
    "arguments",
  ],
  actors: [
    "1 CPU to schedule",
    "num_cpus=0",
    "sync actor",
    "async actor",
    "max_concurrency",
    "concurrency_groups",
    "system group",
    "allow_out_of_order_execution",
    "name",
    "namespace",
    "get_if_exists",
    "get_actor",
    "list_named_actors",
    "last handle",
    "detached",
    "max_restarts",
    "max_task_retries",
    "call before method before actor before class",
    "max_pending_calls",
    "ray.kill",
    "exit_actor()",
    "ActorDiedError",
    "ActorUnavailableError",
    "retries after",
    "ActorPool",
    "Queue",
    "multiprocessing.Pool",
    "joblib",
    "sandboxes",
  ],
  "placement groups": [
    "placement_group(bundles)",
    "PACK",
    "SPREAD",
    "STRICT_PACK",
    "STRICT_SPREAD",
    "ready()",
    "wait()",
    "remove_placement_group",
    "PlacementGroupRemoved",
    "placement_group_table",
    "bundle index",
    "bundle_label_selector",
    "placement_group_capture_child_tasks",
    "lifetime",
    "back-off",
  ],
};
const page = readFileSync(inProject("docs", "ray.md"), "utf8");
/** In a row without a test. */
const NO_TEST = "–";
const REASON_CHARS_MIN = 40;

interface FeatureRow {
  readonly ray: string;
  readonly manta: string;
  readonly shownBy: string;
}

function rowsOf(section: string): FeatureRow[] {
  const [, text = ""] = new RegExp(`^### Ray's ${section}\\n([^]*?)(?=^#|$(?![^]))`, "m").exec(
    page,
  )!;
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  // The first line is the table's head, the second its rule.
  return lines.slice(2).map((line) => {
    const [ray, manta, shownBy] = line
      .split(" | ")
      .map((cell) => cell.replace(/^\| |\s*\|?$/g, ""));
    return { ray: ray!, manta: manta!, shownBy: shownBy! };
  });
}

const sections = Object.entries(FEATURES);

test.each(sections)("each feature of Ray's %s is in docs/ray.md", (section, features) => {
  const all = rowsOf(section)
    .map(({ ray }) => ray)
    .join("\n");
  expect(features.filter((feature) => !all.includes(feature))).toEqual([]);
});

test.each(sections)("each row of Ray's %s names tests, or says why there are none", (section) => {
  const unfounded = rowsOf(section).filter(({ manta, shownBy }) => {
    if (shownBy !== NO_TEST) return testsIn(shownBy).length === 0;
    return !/^(differs|not yet)[:;]/.test(manta) || manta.length < REASON_CHARS_MIN;
  });
  expect(unfounded).toEqual([]);
});

test.each(sections)("each test that Ray's %s are shown by exists", (section) => {
  const named = rowsOf(section).flatMap(({ shownBy }) => testsIn(shownBy));
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(({ title, file }) => !titlesOf(file).has(withoutRules(title)))).toEqual([]);
});

interface NamedTest {
  readonly title: string;
  /** From the folder of the project. */
  readonly file: string;
}

/** Of Markdown: `[title](../file)`. */
const testsIn = (markdown: string): NamedTest[] =>
  [...markdown.matchAll(/\[((?:[^[\]]|\[[^\]]*\])*)\]\(\.\.\/([^)]+)\)/g)].map(
    ([, title, file]) => ({ title: title!, file: file! }),
  );

/** A title may cite rules, `[C2] [C3]`, which come and go. */
const withoutRules = (title: string): string => title.replaceAll(/\[[A-Z]\d+\] ?/g, "");

/** Titles of the tests in a file; in a `describe` also with its words before them. */
function titlesOf(file: string): Set<string> {
  const path = inProject(...file.split("/"));
  if (!existsSync(path)) return new Set();
  const text = readFileSync(path, "utf8");
  // A table of cases ends with a line that begins with its bracket.
  const calls = /^([ \t]*)(describe|test(?:\.\w+(?:\(.*\))?)?|\]\))\(\s*(["`])(.*?)\3/gm;
  const titles = new Set<string>();
  let around = "";
  for (const [, indent, kind, , title] of text.matchAll(calls)) {
    if (kind === "describe") around = title!;
    else titles.add(withoutRules(title!));
    if (indent !== "") titles.add(withoutRules(`${around} ${title}`));
  }
  return titles;
}
