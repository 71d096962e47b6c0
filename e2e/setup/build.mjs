import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inProject } from "./project.mjs";
import { runAttached } from "./processes.mjs";

/**
 * The sources to dist/, which mirrors the source tree, and from there to what browsers load: the
 * pages, the SDK as one module and the cage. Quick when nothing changed.
 *
 * @param {(sentence: string) => void} log
 * @throws if the types do not check or a bundle cannot be made.
 */
export async function build(log) {
  const tsc = inProject("node_modules", "typescript", "bin", "tsc");
  if (!existsSync(inProject("dist"))) log("building");
  if ((await runAttached(process.execPath, [tsc, "-b"])) !== 0) {
    throw new Error("the build failed: see the compiler's errors above");
  }
  await bundle(log);
}

const BUNDLE_INPUTS = [
  "client",
  "shared",
  "e2e/setup/build.mjs",
  "package-lock.json",
  "vite.config.ts",
];

/** @param {(sentence: string) => void} log */
async function bundle(log) {
  const stamp = inProject("dist", "bundles.sha256");
  const digest = digestOf(BUNDLE_INPUTS);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  log("bundling for browsers: pages, SDK, cage");
  const { build: viteBuild } = await import("vite");
  const configFile = inProject("vite.config.ts");
  const bundles = { pages: "client/pages", sdk: "client/sdk/browser.ts" };
  for (const [mode, input] of Object.entries(bundles)) {
    if (existsSync(inProject(input))) await viteBuild({ configFile, mode });
  }
  const cage = inProject("client", "browser-worker", "cage", "build.ts");
  if (existsSync(cage)) {
    // From the source, because it bundles the sources beside it.
    const { tsImport } = await import("tsx/esm/api");
    const { buildCage } = await tsImport(pathToFileURL(cage).href, import.meta.url);
    await buildCage(inProject("dist", "cage"));
  }
  mkdirSync(inProject("dist"), { recursive: true });
  writeFileSync(stamp, digest);
}

/**
 * @param {readonly string[]} paths Files and folders, in the project. Tests do not count.
 * @returns {string} a digest of their names and contents.
 */
function digestOf(paths) {
  const hash = createHash("sha256");
  const files = paths.flatMap((path) => (path.includes(".") ? [path] : filesIn(path)));
  for (const file of files) {
    if (/\.(test|bench)\.ts$/.test(file) || !existsSync(inProject(file))) continue;
    hash
      .update(`${file}\0`)
      .update(readFileSync(inProject(file)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(inProject(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(inProject("/").length))
    .toSorted();
}
