import { existsSync, readFileSync, rmSync } from "node:fs";
import { cacheFile, inProject } from "./project.mjs";
import { runAttached } from "./processes.mjs";

/** @typedef {{ readonly passed: number, readonly failed: number }} Totals */

/**
 * Unit, contract, simulation and integration tests.
 *
 * @param {readonly string[]} args For vitest.
 * @returns {Promise<Totals>}
 */
export async function runVitest(args) {
  const report = freshReport("vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const program = inProject("node_modules", "vitest", "vitest.mjs");
  const code = await runAttached(process.execPath, [program, "run", ...reporters, ...args]);
  const results = read(report);
  /** @type {{ status: string, assertionResults: unknown[] }[]} */
  const files = results?.testResults ?? [];
  // A file that cannot be loaded has no tests to count, so it counts as one.
  const broken = files.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  ).length;
  const failed = (results?.numFailedTests ?? 0) + broken;
  return { passed: results?.numPassedTests ?? 0, failed: atLeastOneIf(code !== 0, failed) };
}

/**
 * Tests in a real browser.
 *
 * @param {readonly string[]} args For Playwright.
 * @returns {Promise<Totals>}
 */
export async function runPlaywright(args) {
  const report = freshReport("playwright.json");
  const program = inProject("node_modules", "playwright", "cli.js");
  const command = [program, "test", "--pass-with-no-tests", ...args];
  const code = await runAttached(process.execPath, command, {
    PLAYWRIGHT_JSON_OUTPUT_NAME: report,
  });
  const stats = read(report)?.stats ?? {};
  const failed = (stats.unexpected ?? 0) + (stats.flaky ?? 0);
  return { passed: stats.expected ?? 0, failed: atLeastOneIf(code !== 0, failed) };
}

/** @param {string} name */
function freshReport(name) {
  const path = cacheFile(name);
  rmSync(path, { force: true });
  return path;
}

/** @param {string} path */
function read(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

/**
 * A runner that fails without a failed test (an unhandled error, a crash) has failed all the same.
 *
 * @param {boolean} hasFailed
 * @param {number} failed
 */
function atLeastOneIf(hasFailed, failed) {
  return hasFailed ? Math.max(1, failed) : failed;
}
