import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Chrome and Chromium where installers put them, and on the PATH. Existing files, each once. */
export function installedChromiums() {
  /** @type {Map<string, string>} */
  const byFile = new Map();
  for (const path of placesOf(process.platform)) {
    if (!existsSync(path)) continue;
    const file = realpathSync(path);
    if (!byFile.has(file)) byFile.set(file, path);
  }
  return [...byFile.values()];
}

/** What Playwright downloaded, newest first; a whole Chromium before a headless shell. */
export function downloadedChromiums() {
  const folder = process.env["PLAYWRIGHT_BROWSERS_PATH"] || defaultDownloads(process.platform);
  if (!existsSync(folder)) return [];
  const builds = readdirSync(folder)
    .map((name) => /^(chromium|chromium_headless_shell)-(\d+)$/.exec(name))
    .filter((match) => match !== null)
    .toSorted(
      (a, b) => (a[1] ?? "").localeCompare(b[1] ?? "") || Number(b[2] ?? 0) - Number(a[2] ?? 0),
    );
  return builds.flatMap(([build]) => {
    const platforms = readdirSync(join(folder, build), { withFileTypes: true });
    return platforms
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => EXECUTABLES.map((path) => join(folder, build, name, path)))
      .filter((path) => existsSync(path));
  });
}

const EXECUTABLES = [
  "chrome",
  "chrome.exe",
  "headless_shell",
  "headless_shell.exe",
  "chrome-headless-shell",
  "chrome-headless-shell.exe",
  "Chromium.app/Contents/MacOS/Chromium",
  "Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
];

/** @param {NodeJS.Platform} platform */
function placesOf(platform) {
  if (platform === "darwin") {
    const apps = ["Google Chrome", "Chromium", "Google Chrome Canary"];
    return ["/Applications", join(homedir(), "Applications")].flatMap((folder) =>
      apps.map((app) => `${folder}/${app}.app/Contents/MacOS/${app}`),
    );
  }
  if (platform === "win32") {
    const folders = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"]
      .map((name) => process.env[name])
      .filter((folder) => folder !== undefined);
    const programs = ["Google\\Chrome", "Chromium"].map((app) => `${app}\\Application\\chrome.exe`);
    // Edge is a Chromium, and every Windows has it.
    programs.push("Microsoft\\Edge\\Application\\msedge.exe");
    return programs.flatMap((program) => folders.map((folder) => join(folder, program)));
  }
  const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];
  const onPath = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const folders = ["/usr/bin", "/usr/local/bin", ...onPath, "/snap/bin"];
  return [
    ...names.flatMap((name) => folders.map((folder) => join(folder, name))),
    "/opt/google/chrome/chrome",
    "/usr/lib/chromium/chromium",
  ];
}

/** @param {NodeJS.Platform} platform */
function defaultDownloads(platform) {
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "ms-playwright");
  if (platform === "win32") {
    return join(process.env["LOCALAPPDATA"] ?? homedir(), "ms-playwright");
  }
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "ms-playwright");
}
