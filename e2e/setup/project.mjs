/**
 * Where things are. These modules are plain JavaScript with checked JSDoc because they run on a
 * fresh clone, before anything is installed or built; the build copies them to dist/ for the rest.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json, whether this runs from the source tree or from dist/. */
export const projectRoot = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no package.json above e2e/setup");
    folder = parent;
  }
  return folder;
})();

/**
 * A path below the project's root.
 *
 * @param {string[]} parts
 */
export const inProject = (...parts) => join(projectRoot, ...parts);

/**
 * A file for what may be found out again at any time. It goes away with node_modules.
 *
 * @param {string} name
 */
export function cacheFile(name) {
  const folder = inProject("node_modules", ".cache", "manta");
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

/**
 * Tell the person what goes on. On stderr, so that a program's own output stays clean.
 *
 * @param {string} sentence
 */
export function say(sentence) {
  console.error(`[set-up] ${sentence}`);
}
