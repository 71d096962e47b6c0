import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type UserConfig } from "vite";

const inProject = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const PAGES = ["contribute", "dashboard", "console", "diagnose"];

/** Vite would put an empty module in its place, which fails in the page of a user. */
const refuseNode: Plugin = {
  name: "refuse-node",
  enforce: "pre",
  resolveId(source, importer) {
    if (source.startsWith("node:")) this.error(`${importer} runs in pages and imports ${source}`);
  },
};

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
    plugins: [refuseNode],
    build: {
      outDir: inProject("dist/pages"),
      emptyOutDir: true,
      target: "es2022",
      chunkSizeWarningLimit: 2_000,
      rolldownOptions: { input: inputs.filter((path) => existsSync(path)) },
    },
  };
}

function sdk(): UserConfig {
  return {
    logLevel: "warn",
    plugins: [refuseNode],
    build: {
      outDir: inProject("dist/browser"),
      emptyOutDir: true,
      target: "es2022",
      sourcemap: true,
      chunkSizeWarningLimit: 2_000,
      lib: {
        entry: inProject("client/sdk/browser.ts"),
        formats: ["es"],
        fileName: () => "manta.js",
      },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  };
}
