import { execFile } from "node:child_process";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { downloadedChromiums, installedChromiums } from "./chromium-places.mjs";
import { cacheFile, inProject } from "./project.mjs";
import { runQuietly } from "./processes.mjs";

const VERSION_MS_MAX = 20_000;
/** A closed network fails within seconds; a slow one keeps printing its progress. */
const DOWNLOAD_SILENCE_MS_MAX = 20_000;
const DOWNLOAD_MS_MAX = 300_000;
const APT_MS_MAX = 400_000;

/** @typedef {{ readonly path: string, readonly how: string }} FoundChromium */
/** @typedef {{ readonly missing: string }} MissingChromium */

/**
 * Find a browser that can join a mesh: `MANTA_CHROMIUM`, an installed Chrome or Chromium, one that
 * Playwright downloaded. With `install`, go on: download Playwright's, or on Debian as root install
 * the package `chromium`.
 *
 * @param {object} options
 * @param {boolean} options.install Whether anything may be downloaded or installed. May take minutes.
 * @param {(sentence: string) => void} options.log
 * @returns {Promise<FoundChromium | MissingChromium>} `missing` tells what was tried and what to do.
 */
export async function findChromium({ install, log }) {
  const named = process.env["MANTA_CHROMIUM"];
  if (named) {
    const why = await whyUnusable(named);
    if (why === undefined) return { path: named, how: "MANTA_CHROMIUM" };
    return { missing: `MANTA_CHROMIUM names ${named}, which does not work: ${why}` };
  }
  const known = readCache();
  if (known) return known;
  const installed = installedChromiums();
  const tried = ["MANTA_CHROMIUM is not set"];
  if (installed.length === 0) tried.push("no Chrome or Chromium is installed");
  const present =
    (await firstUsable(installed, "installed", tried)) ??
    (await firstUsable(downloadedChromiums(), "downloaded by Playwright", tried));
  if (present) return remember(present);
  if (install) {
    const added = (await download(log, tried)) ?? (await installWithApt(log, tried));
    if (added) return remember(added);
  }
  const advice = "Install Chrome or Chromium, or set MANTA_CHROMIUM to the path of one.";
  return { missing: `No browser was found: ${tried.join("; ")}. ${advice}` };
}

/**
 * Command-line flags for a headless Chromium that serves as a peer. With Playwright pass
 * `headless: false`, as `--headless=new` is among them.
 *
 * @param {object} options
 * @param {boolean} options.webgpu Whether to offer WebGPU on SwiftShader, which needs no GPU.
 * @returns {string[]}
 */
export function chromiumArguments({ webgpu }) {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  return [
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    ...(webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : []),
    // Chromium refuses to start as root with its sandbox.
    ...(isRoot ? ["--no-sandbox"] : []),
  ];
}

/**
 * The description of Chromium's software Vulkan driver, for `VK_DRIVER_FILES`: with it Node's WebGPU
 * works on machines without a GPU. Looks beside the browser that was found last.
 *
 * @returns {string | undefined} undefined if no driver was found.
 */
export function swiftShaderIcd() {
  const browsers = [process.env["MANTA_CHROMIUM"], readCache()?.path];
  const folders = browsers.flatMap((path) =>
    path && existsSync(path) ? [dirname(path), dirname(realpathSync(path))] : [],
  );
  folders.push("/usr/lib/chromium", "/usr/lib64/chromium", "/opt/google/chrome");
  return folders
    .map((folder) => join(folder, "vk_swiftshader_icd.json"))
    .find((path) => existsSync(path));
}

/**
 * @param {readonly string[]} candidates
 * @param {string} how
 * @param {string[]} tried Gets a sentence for each candidate that exists and does not work.
 * @returns {Promise<FoundChromium | undefined>}
 */
async function firstUsable(candidates, how, tried) {
  for (const path of candidates) {
    const why = await whyUnusable(path);
    if (why === undefined) return { path, how };
    tried.push(`${path} does not work (${why})`);
  }
  return undefined;
}

/**
 * @param {string} path
 * @returns {Promise<string | undefined>} undefined if it is a browser that starts.
 */
async function whyUnusable(path) {
  if (!existsSync(path)) return "there is no such file";
  // On Windows `--version` opens a window instead of answering.
  if (process.platform === "win32") return undefined;
  return new Promise((resolve) => {
    execFile(path, ["--version"], { timeout: VERSION_MS_MAX }, (error, stdout, stderr) => {
      if (!error && /(chrom|edge).*\d+\.\d+/i.test(stdout)) resolve(undefined);
      else if (!error) resolve("it is not a Chromium");
      else resolve((stderr.trim() || error.message).split("\n", 1)[0]);
    });
  });
}

/**
 * @param {(sentence: string) => void} log
 * @param {string[]} tried
 */
async function download(log, tried) {
  const cli = inProject("node_modules", "playwright", "cli.js");
  if (!existsSync(cli)) return undefined;
  log("no browser was found: downloading Playwright's Chromium (about 170 MB)");
  const result = await runQuietly(process.execPath, [cli, "install", "chromium", "--no-shell"], {
    what: "downloading Chromium",
    limitMs: DOWNLOAD_MS_MAX,
    silenceMs: DOWNLOAD_SILENCE_MS_MAX,
    log,
    env: { PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: "5000" },
  });
  if (result.ok) return firstUsable(downloadedChromiums(), "downloaded by Playwright", tried);
  const reason = /(?:Error: |ERR[_!]).*/.exec(result.output)?.[0] ?? result.why;
  log(`the download failed: ${reason}`);
  tried.push(`downloading Playwright's Chromium failed (${reason})`);
  return undefined;
}

/**
 * @param {(sentence: string) => void} log
 * @param {string[]} tried
 */
async function installWithApt(log, tried) {
  if (!existsSync("/etc/debian_version") || process.getuid?.() !== 0) return undefined;
  log("installing the package chromium with apt-get (about 100 MB)");
  const options = { what: "installing chromium", limitMs: APT_MS_MAX, log };
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const network = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"];
  for (const action of [["update"], ["install", "-y", "chromium"]]) {
    const result = await runQuietly("apt-get", [...network, ...action], { ...options, env });
    if (result.ok) continue;
    const reason = /^E: .*/m.exec(result.output)?.[0] ?? result.why;
    log(`apt-get ${action.join(" ")} failed: ${reason}`);
    tried.push(`apt-get ${action.join(" ")} failed (${reason})`);
    return undefined;
  }
  return firstUsable(installedChromiums(), "installed with apt-get", tried);
}

/** @returns {FoundChromium | undefined} what was found before, if it is still there. */
function readCache() {
  try {
    const found = JSON.parse(readFileSync(cacheFile("chromium.json"), "utf8"));
    return existsSync(found.path) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** @param {FoundChromium} found */
function remember(found) {
  writeFileSync(cacheFile("chromium.json"), JSON.stringify(found));
  return found;
}
