import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inProject } from "../setup/project.mjs";

/**
 * A house in a temporary folder under our lint rules: each room with a file that breaks one rule,
 * and with files that do what is allowed.
 */
const IMPORT = "no-restricted-imports";
const GLOBAL = "no-restricted-globals";
const PROPERTY = "no-restricted-properties";

const from = (module: string) => `import { thing } from "${module}";\nexport const used = thing;\n`;
const typeFrom = (module: string) =>
  `import type { Thing } from "${module}";\nexport const used: Thing = 1;\n`;
const using = (expression: string) => `export const used = ${expression};\n`;

/** [file, rule, contents] */
const FORBIDDEN: readonly (readonly [string, string, string])[] = [
  ["shared/a/coordinator.ts", IMPORT, from("../../coordinator/main.ts")],
  ["shared/a/client.ts", IMPORT, typeFrom("../../client/sdk/index.ts")],
  ["shared/a/node-worker.ts", IMPORT, from("../../node-worker/main.ts")],
  ["shared/a/node.ts", IMPORT, from("node:fs")],
  ["shared/a/shared-node.ts", IMPORT, from("../node/files.ts")],
  ["shared/node/coordinator.ts", IMPORT, from("../../coordinator/main.ts")],
  ["coordinator/client.ts", IMPORT, from("../client/sdk/index.ts")],
  ["coordinator/gateway/node-worker.ts", IMPORT, from("../../node-worker/main.ts")],
  ["coordinator/gateway/socket.ts", GLOBAL, using("new WebSocket('ws://host')")],
  ["node-worker/client.ts", IMPORT, from("../client/sdk/index.ts")],
  ["node-worker/coordinator.ts", IMPORT, from("../coordinator/main.ts")],
  ["client/sdk/node-worker.ts", IMPORT, from("../../node-worker/main.ts")],
  ["client/sdk/coordinator.ts", IMPORT, from("../../coordinator/api/routes.ts")],
  ["client/sdk/node.ts", IMPORT, from("node:fs")],
  ["client/sdk/shared-node.ts", IMPORT, from("../../shared/node/files.ts")],
  ["client/pages/contribute/node.ts", IMPORT, from("node:fs")],
  ["client/launch/launch.ts", IMPORT, from("../../coordinator/main.ts")],
  ["client/cli/coordinator.ts", IMPORT, from("../../coordinator/main.ts")],
  ["client/cli/node-worker.ts", IMPORT, from("../../node-worker/main.ts")],
  ["client/ml/train/sdk-inside.ts", IMPORT, from("../../sdk/session.ts")],
  ["client/ml/train/browser-worker.ts", IMPORT, from("../../browser-worker/agent.ts")],
  ["client/ml/train/shared.ts", IMPORT, from("../../../shared/prng.ts")],
  ["client/ml/train/node.ts", IMPORT, from("node:fs")],
  ...["coordinator/scheduler", "coordinator/directory", "shared/worker/machine"].flatMap(
    (room) =>
      [
        [`${room}/date.ts`, GLOBAL, using("Date.now()")],
        [`${room}/performance.ts`, GLOBAL, using("performance.now()")],
        [`${room}/timer.ts`, GLOBAL, using("setTimeout(() => undefined, 1)")],
        [`${room}/random.ts`, PROPERTY, using("Math.random()")],
        [`${room}/node.ts`, IMPORT, from("node:crypto")],
        [`${room}/hono.ts`, IMPORT, from("hono")],
        [`${room}/ws.ts`, IMPORT, from("ws")],
        [`${room}/transport.ts`, IMPORT, from("../../shared/transport/transport.ts")],
      ] as const,
  ),
  ["coordinator/scheduler/gateway.ts", IMPORT, from("../gateway/session.ts")],
  ["coordinator/scheduler/client.ts", IMPORT, from("../../client/sdk/index.ts")],
  ["shared/worker/machine/coordinator.ts", IMPORT, from("../../../coordinator/main.ts")],
];

const ALLOWED: readonly (readonly [string, string])[] = [
  ["shared/a/shared.ts", from("../ids.ts")],
  ["shared/node/files.ts", from("node:fs")],
  ["coordinator/main.ts", from("../shared/node/files.ts")],
  ["coordinator/gateway/sockets.ts", from("ws")],
  ["coordinator/scheduler/pure.ts", from("../../shared/ids.ts")],
  ["node-worker/main.ts", from("../shared/ids.ts")],
  ["client/sdk/index.ts", from("../../shared/ids.ts")],
  ["client/sdk/routes.ts", typeFrom("../../coordinator/api/routes.ts")],
  ["client/sdk/connect-in-node.ts", from("../../shared/node/files.ts")],
  ["client/cli/main.ts", from("node:child_process")],
  ["client/ml/train/sdk.ts", from("../../sdk/index.ts")],
  ["client/ml/train/types.ts", typeFrom("../../../shared/ids.ts")],
  ["e2e/whole.ts", from("../coordinator/main.ts")],
];

const CYCLE = ["coordinator/cycle/one.ts", "coordinator/cycle/two.ts"] as const;

let house: string;
/** The rules that complained, by file. */
const complaints = new Map<string, Set<string>>();

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), "manta-lint-"));
  for (const [file, , contents] of FORBIDDEN) plant(file, contents);
  for (const [file, contents] of ALLOWED) plant(file, contents);
  plant(CYCLE[0], from("./two.ts").replace("used", "thing2"));
  plant(CYCLE[1], from("./one.ts").replace("used", "thing2"));
  const config = JSON.parse(readFileSync(inProject(".oxlintrc.json"), "utf8"));
  config.options.typeAware = false;
  plant(".oxlintrc.json", JSON.stringify(config));
  const oxlint = inProject("node_modules", "oxlint", "bin", "oxlint");
  const run = spawnSync(process.execPath, [oxlint, "--format=json"], { cwd: house });
  const report = JSON.parse(run.stdout.toString()) as {
    readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
  };
  for (const { code, filename } of report.diagnostics) {
    const rule = /\((.+)\)/.exec(code)?.[1] ?? code;
    const file = filename.replaceAll("\\", "/");
    complaints.set(file, (complaints.get(file) ?? new Set()).add(rule));
  }
});

afterAll(() => rmSync(house, { recursive: true, force: true }));

function plant(file: string, contents: string): void {
  mkdirSync(dirname(join(house, file)), { recursive: true });
  writeFileSync(join(house, file), contents);
}

test.each(FORBIDDEN)("lint refuses %s by %s", (file, rule) => {
  expect([...(complaints.get(file) ?? [])]).toContain(rule);
});

test.each(ALLOWED)("lint allows the imports of %s", (file) => {
  const layering = [...(complaints.get(file) ?? [])].filter((rule) => rule.startsWith("no-rest"));
  expect(layering).toEqual([]);
});

test("lint refuses a cycle of imports", () => {
  expect([...(complaints.get(CYCLE[0]) ?? [])]).toContain("no-cycle");
});

test("a state machine's project has no timer, Node or DOM types", () => {
  plant(
    "machine.ts",
    "setTimeout(() => undefined, 1);\nprocess.exit();\ndocument.title = '';\nperformance.now();\n",
  );
  for (const room of ["coordinator/scheduler", "coordinator/directory", "shared"]) {
    const config = room === "shared" ? "tsconfig.pure.json" : "tsconfig.json";
    const extended = { extends: inProject(room, config), files: ["machine.ts"] };
    const paths = { rootDir: ".", outDir: "dist", composite: false, incremental: false };
    plant(
      "tsconfig.json",
      JSON.stringify({ ...extended, include: [], references: [], compilerOptions: paths }),
    );
    const missing = typeErrors().match(/Cannot find name '\w+'/g);
    expect(
      missing?.map((text) => text.slice(18, -1)),
      room,
    ).toEqual(["setTimeout", "process", "document", "performance"]);
  }
});

function typeErrors(): string {
  const tsc = inProject("node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", house, "--noEmit"]);
    return "";
  } catch (error) {
    return String((error as { stdout?: Buffer }).stdout);
  }
}
