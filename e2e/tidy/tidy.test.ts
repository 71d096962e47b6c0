import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../../shared/errors.ts";
import { inProject } from "../setup/project.mjs";

/** What linters cannot say. */

const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: inProject() })
  .toString()
  .split("\0")
  .filter((path) => path !== "" && existsSync(inProject(path)));
const sources = tracked.filter((path) => /\.(ts|mts|mjs|js|css|html)$/.test(path));
const read = (path: string) => readFileSync(inProject(path), "utf8");

/** Where rules are numbered, by the letter they begin with. */
const RULE_BOOKS = {
  T: "shared/transport/transport.ts",
  M: "shared/protocol/messages.ts",
  S: "coordinator/scheduler/SCHEDULER.md",
  A: "coordinator/scheduler/actors.ts",
  P: "coordinator/scheduler/copies.ts",
};
/** In a comment, `A1. ...`; on a page, `- **S1. ...`. */
const ruleBegins = (letter: string) =>
  new RegExp(`^(?: \\*\\s+|- \\*\\*)(${letter}\\d+)\\. `, "gm");

test.each(Object.entries(RULE_BOOKS))("tests cite each %s rule of %s", (letter, book) => {
  const defined = matches(read(book), ruleBegins(letter));
  expect(defined.size).toBeGreaterThan(0);
  const cited = new Set([...citations().keys()].filter((rule) => rule.startsWith(letter)));
  expect(
    [...defined].filter((rule) => !cited.has(rule)),
    "rules without a test",
  ).toEqual([]);
});

test("each rule that a test cites exists", () => {
  const defined = new Set(
    [...sources, RULE_BOOKS.S].flatMap((path) => [...matches(read(path), ruleBegins("[A-Z]"))]),
  );
  const unknown = [...citations()].filter(([rule]) => !defined.has(rule));
  expect(unknown).toEqual([]);
});

test("nothing is left for later in the sources", () => {
  // Written so that this file is not found.
  const marks = /\b(TO[D]O|FIX[M]E|XX[X])\b/;
  expect(sources.filter((path) => marks.test(read(path)))).toEqual([]);
});

test("the README names each demo", () => {
  const demos = readdirSync(inProject("demos"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `demos/${entry.name}`)
    .filter((folder) => tracked.some((path) => path.startsWith(`${folder}/`)));
  const readme = existsSync(inProject("README.md")) ? read("README.md") : "";
  expect(demos.filter((folder) => !readme.includes(folder))).toEqual([]);
});

test("docs/errors.md tells the truth about each error code, and about no other", () => {
  const page = read("docs/errors.md");
  const rows = [...page.matchAll(/^\| `(\w+)`\s*\|(.+)\|$/gm)].map(([, code, cells]) => {
    const [text, again, who, advice] = (cells ?? "").split("|").map((cell) => cell.trim());
    expect(advice, `what to do about ${code}`).not.toBe("");
    return { code, text, again, who };
  });
  const people = { caller: "you", system: "the mesh", peer: "the peer" };
  const table = Object.entries(ERROR_CODES).map(([code, { text, retry, blame }]) => ({
    code,
    text,
    again: retry ? "yes" : "no",
    who: people[blame],
  }));
  expect(rows).toEqual(table);
});

/** Other wires: inside one worker, and PeerServer's, which is not ours to define. */
const OTHER_WIRES = [
  "shared/worker/executor-messages.ts",
  "coordinator/gateway/signalling-messages.ts",
];

test("messages are defined in shared/protocol only", () => {
  const schema = /Type\.Object\(\s*\{\s*type:\s*Type\.Literal/;
  const outside = sources.filter(
    (path) => !path.startsWith("shared/protocol/") && !OTHER_WIRES.includes(path),
  );
  expect(outside.filter((path) => schema.test(read(path)))).toEqual([]);
});

test("the lockfile has every package that npm ci asks for, of every platform", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    readonly packages: Record<string, { readonly optionalDependencies?: object }>;
  };
  const missing = Object.entries(packages).flatMap(([at, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !packages[`node_modules/${name}`] && !packages[`${at}/node_modules/${name}`],
    ),
  );
  expect(missing, "npm left these out, probably because a registry does not have them").toEqual([]);
});

/** The rules that names of tests cite, such as `"[T2] both ends learn why"`, and where. */
function citations(): Map<string, string> {
  const cited = new Map<string, string>();
  for (const path of sources.filter((file) => /(\.test|\.e2e|\/contract)\.ts$/.test(file))) {
    for (const prefix of matches(read(path), /["'`]((?:\[[A-Z]\d+\] ?)+)/g)) {
      for (const rule of matches(prefix, /\[([A-Z]\d+)\]/g)) cited.set(rule, path);
    }
  }
  return cited;
}

function matches(text: string, pattern: RegExp): Set<string> {
  return new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""));
}
