/**
 * Behind every `npm run`: brings the working copy to the state the command needs (packages,
 * browser, build), then runs it. Usage: node e2e/setup/run.mjs <command> [its arguments]
 */
import { build } from "./build.mjs";
import { findChromium } from "./chromium.mjs";
import { installDependencies } from "./dependencies.mjs";
import { inProject, say } from "./project.mjs";
import { runAttached } from "./processes.mjs";
import { runPlaywright, runVitest } from "./tests.mjs";

/** @type {Record<string, (args: readonly string[]) => Promise<number>>} */
const COMMANDS = {
  async build() {
    await build(say);
    return 0;
  },
  check,
  async quickstart(args) {
    await prepareBrowser();
    return runBuilt("demos/quickstart/main.js", args);
  },
  start: (args) => runBuilt("client/cli/main.js", ["start", ...args]),
  bench: (args) => runBuilt("e2e/bench/main.js", args),
  sim: (args) => runBuilt("coordinator/simulator/main.js", args),
  test,
  async "test:unit"(args) {
    return conclude([await runVitest(["--project", "unit", ...args])]);
  },
  async "test:integration"(args) {
    await build(say);
    return conclude([await runVitest(["--project", "integration", ...args])]);
  },
  async "test:e2e"(args) {
    if (!(await prepareBrowser())) return 1;
    await build(say);
    return conclude([await runPlaywright(args)]);
  },
};

const [name = "", ...rest] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (!command) {
  say(`there is no command "${name}"; choose one of ${Object.keys(COMMANDS).join(", ")}`);
  process.exitCode = 2;
} else {
  try {
    await installDependencies(say);
    process.exitCode = await command(rest);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

/** @returns {Promise<boolean>} whether there is a browser. */
async function prepareBrowser() {
  const chromium = await findChromium({ install: true, log: say });
  if ("missing" in chromium) say(chromium.missing);
  else say(`browser: ${chromium.path} (${chromium.how})`);
  return !("missing" in chromium);
}

/**
 * @param {string} program Its path in dist/.
 * @param {readonly string[]} args
 */
async function runBuilt(program, args) {
  await build(say);
  return runAttached(process.execPath, [inProject("dist", program), ...args]);
}

/** Types, lint, format, dead code: all of them, even if one complains. */
async function check() {
  const steps = [
    { what: "types", program: "typescript/bin/tsc", args: ["-b"] },
    { what: "lint", program: "oxlint/bin/oxlint", args: [] },
    { what: "format", program: "oxfmt/bin/oxfmt", args: ["--check"] },
    { what: "dead code", program: "knip/bin/knip.js", args: [] },
  ];
  const complaints = [];
  for (const { what, program, args: options } of steps) {
    const code = await runAttached(process.execPath, [
      inProject("node_modules", program),
      ...options,
    ]);
    if (code !== 0) complaints.push(what);
  }
  const verdict = complaints.length > 0 ? `complaints about ${complaints.join(", ")}` : "clean";
  say(`types, lint, format, dead code: ${verdict}`);
  return complaints.length > 0 ? 1 : 0;
}

async function test() {
  const hasBrowser = await prepareBrowser();
  await build(say);
  const totals = [await runVitest([])];
  if (hasBrowser) totals.push(await runPlaywright([]));
  else {
    say("the tests in a browser cannot run, which counts as one failure");
    totals.push({ passed: 0, failed: 1 });
  }
  return conclude(totals);
}

/**
 * Prints the totals as the last line.
 *
 * @param {readonly import("./tests.mjs").Totals[]} totals
 * @returns {number} the exit code.
 */
function conclude(totals) {
  const passed = totals.reduce((sum, total) => sum + total.passed, 0);
  const failed = totals.reduce((sum, total) => sum + total.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
