import { createHash } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "vite";
import { EXECUTOR_FILE, PACKAGING_FILE, TFJS_FILE, WASM_FILES } from "./cage-messages.ts";

/** Entries have the extension of this file: sources in tests, compiled in `npm run build`. */
const EXTENSION = extname(fileURLToPath(import.meta.url));

/**
 * Build the cage: one module per program that runs in it, and the document around them.
 *
 * The document is served, not a `srcdoc`, for two reasons. A `srcdoc` inherits the policy of the
 * page, so the page that holds the user's token would have to allow `eval` and blobs as well; and a
 * served document's policy is a header, in force before a byte is parsed, whoever opens it: its
 * `sandbox` directive takes its origin away even at top level. The same policy is in the document,
 * for the case that a proxy loses headers.
 *
 * @param outDir gets executor.js, tfjs.js, packaging.js, the wasm binaries, cage.html, and headers.json: the
 *   headers to serve cage.html with.
 */
export async function buildCage(outDir: string): Promise<void> {
  await mkdir(outDir, { recursive: true });
  const frameScript = await bundle("cage-frame", "iife");
  const policy = policyOf(frameScript);
  await Promise.all([
    writeFile(join(outDir, EXECUTOR_FILE), await bundle("executor-entry", "es")),
    writeFile(join(outDir, TFJS_FILE), await bundle("tfjs-entry", "es")),
    writeFile(join(outDir, PACKAGING_FILE), await bundle("packaging-entry", "es")),
    writeFile(join(outDir, "cage.html"), documentOf(frameScript, policy)),
    writeFile(join(outDir, "headers.json"), `${JSON.stringify(headersOf(policy), null, 2)}\n`),
    ...WASM_FILES.map((file) => copyFile(join(wasmFolder(), file), join(outDir, file))),
  ]);
}

/**
 * No network (`connect-src` without a host; blobs are how tfjs gets its wasm binary), no `'self'`
 * among the scripts (an `import` of a page's own URL would be a request), `eval` for shipped
 * functions, and workers from `data:` only, as those alone have WebGPU.
 */
function policyOf(frameScript: string): string {
  const hash = createHash("sha256").update(frameScript).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash}' 'unsafe-eval' blob:`,
    "worker-src data:",
    "connect-src blob: data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** `sandbox` and `frame-ancestors` count in a header only. */
const headersOf = (policy: string): Record<string, string> => ({
  "Content-Security-Policy": `sandbox allow-scripts; frame-ancestors 'self'; ${policy}`,
  "Content-Type": "text/html; charset=utf-8",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

const documentOf = (frameScript: string, policy: string): string =>
  `<!doctype html><html lang="en"><head><meta http-equiv="Content-Security-Policy" content="${policy}"><meta charset="utf-8"><title>Manta cage</title></head><body><script>${frameScript}</script></body></html>\n`;

async function bundle(entry: string, format: "es" | "iife"): Promise<string> {
  const results = (await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      minify: true,
      target: "es2022",
      lib: {
        entry: fileURLToPath(new URL(`./${entry}${EXTENSION}`, import.meta.url)),
        formats: [format],
        name: "mantaCage",
        fileName: () => "bundle.js",
      },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput[];
  const [chunk, ...others] = results.flatMap(({ output }) => output);
  if (chunk?.type !== "chunk" || others.length > 0) throw new Error(`${entry} is not one bundle`);
  return chunk.code;
}

function wasmFolder(): string {
  const { resolve } = createRequire(import.meta.url);
  return join(dirname(resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist");
}
