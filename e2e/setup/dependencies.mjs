import { existsSync, readFileSync } from "node:fs";
import { inProject } from "./project.mjs";
import { runQuietly } from "./processes.mjs";

const INSTALL_MS_MAX = 600_000;

/**
 * Make node_modules what package-lock.json says, if it is not. Does nothing, in milliseconds, when
 * it is.
 *
 * @param {(sentence: string) => void} log
 * @throws if npm fails, with what it printed.
 */
export async function installDependencies(log) {
  const reason = whyInstall();
  if (reason === undefined) return;
  log(`installing packages with npm ci, because ${reason}`);
  const [command, ...prefix] = npmCommand();
  const args = [...prefix, "ci", "--no-audit", "--no-fund"];
  const what = "installing packages";
  const result = await runQuietly(command, args, { what, limitMs: INSTALL_MS_MAX, log });
  if (!result.ok) {
    throw new Error(`npm ci failed: ${result.why}. It printed:\n${result.output}`);
  }
  log("packages are installed");
}

/** Compares versions rather than times: a checkout changes times, and so does a copied folder. */
function whyInstall() {
  const installedPath = inProject("node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return "node_modules is missing";
  const wanted = readPackages(inProject("package-lock.json"));
  const installed = readPackages(installedPath);
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === "") continue;
    const found = installed[name];
    // Packages for other platforms are optional and rightly absent.
    if (found ? found.version !== entry.version : !entry.optional && !entry.devOptional) {
      return `${name} is not at version ${entry.version}`;
    }
  }
  return undefined;
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>}
 */
function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages ?? {};
}

/** @returns {[string, ...string[]]} */
function npmCommand() {
  const script = process.env["npm_execpath"];
  if (script?.endsWith(".js")) return [process.execPath, script];
  return process.platform === "win32" ? ["cmd", "/c", "npm"] : ["npm"];
}
