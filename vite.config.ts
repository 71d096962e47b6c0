import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";

const inProject = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const PAGES = ["contribute", "dashboard", "console"];
/** What the SDK loads in Node only, behind a look at where it runs. */
const NODE_ONLY = [/^node:/, /\/(shared|sdk)\/node\//];

/**
 * `--mode pages` (also the development server): the coordinator's pages, to dist/pages.
 * `--mode sdk`: the SDK for pages without a build step, as one module, to dist/browser/manta.js.
 */
export default defineConfig(({ mode }) => (mode === "sdk" ? sdk() : pages()));

function pages(): UserConfig {
  const inputs = PAGES.map((page) => inProject(`client/pages/${page}/index.html`));
  return {
    root: inProject("client/pages"),
    base: "./",
    logLevel: "warn",
    build: {
      outDir: inProject("dist/pages"),
      emptyOutDir: true,
      target: "es2022",
      chunkSizeWarningLimit: 2_000,
      rolldownOptions: { input: inputs.filter((path) => existsSync(path)), external: NODE_ONLY },
    },
  };
}

function sdk(): UserConfig {
  return {
    logLevel: "warn",
    build: {
      outDir: inProject("dist/browser"),
      emptyOutDir: true,
      target: "es2022",
      sourcemap: true,
      chunkSizeWarningLimit: 2_000,
      lib: { entry: inProject("client/sdk/index.ts"), formats: ["es"], fileName: () => "manta.js" },
      rolldownOptions: { external: NODE_ONLY, output: { codeSplitting: false } },
    },
  };
}
