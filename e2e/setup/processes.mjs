import { spawn } from "node:child_process";
import { projectRoot } from "./project.mjs";

const REPORT_EVERY_MS = 10_000;
const EXCERPT_LINES_MAX = 40;

/**
 * @typedef {object} QuietOptions
 * @property {string} what What it does, for the sentences: "installing packages".
 * @property {number} limitMs Give up after this time.
 * @property {number} [silenceMs] Give up when it printed nothing for so long.
 * @property {(sentence: string) => void} log Gets a sentence now and then while it runs.
 * @property {NodeJS.ProcessEnv} [env] Added to the environment.
 */

/**
 * Run a program whose output matters only if it fails. Says every few seconds that it still runs.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {QuietOptions} options
 * @returns {Promise<{ ok: true } | { ok: false, why: string, output: string }>} `output`: what it
 *   printed, without the middle if that was much.
 */
export function runQuietly(command, args, options) {
  const { what, limitMs, silenceMs = limitMs, log, env } = options;
  const startMs = Date.now();
  let heardMs = startMs;
  let saidMs = startMs;
  let output = "";
  /** @type {string | undefined} */
  let gaveUp;
  const child = spawn(command, args, {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // Its own process group, so that giving up ends its children as well.
    detached: process.platform !== "win32",
  });
  const stop = () => endTree(child);
  process.once("exit", stop);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      heardMs = Date.now();
      output = (output + text).slice(-20_000);
    });
  }
  const watch = setInterval(() => {
    const nowMs = Date.now();
    if (nowMs - startMs > limitMs) gaveUp = `no end after ${seconds(limitMs)}`;
    else if (nowMs - heardMs > silenceMs) gaveUp = `no progress for ${seconds(silenceMs)}`;
    if (gaveUp) stop();
    else if (nowMs - saidMs >= REPORT_EVERY_MS) {
      saidMs = nowMs;
      log(`still ${what} (${seconds(nowMs - startMs)})`);
    }
  }, 500);
  return new Promise((resolve) => {
    /** @param {string | undefined} why */
    const settle = (why) => {
      clearInterval(watch);
      process.removeListener("exit", stop);
      resolve(why === undefined ? { ok: true } : { ok: false, why, output: excerpt(output) });
    };
    child.once("error", (error) => settle(error.message));
    child.once("close", (code, signal) =>
      settle(gaveUp ?? (code === 0 ? undefined : `it ended with ${signal ?? `code ${code}`}`)),
    );
  });
}

/**
 * Run a program in the foreground, with this terminal.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env] Added to the environment.
 * @returns {Promise<number>} its exit code; 1 if a signal ended it.
 */
export function runAttached(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  // Ctrl-C reaches the child by itself, as it is in the same group: wait for it to tidy up and end.
  const ignore = () => {};
  const forward = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", forward);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      process.off("SIGINT", ignore).off("SIGTERM", forward);
      resolve(code ?? 1);
    });
  });
}

/** @param {string} output */
function excerpt(output) {
  const lines = output.trimEnd().split("\n");
  const half = EXCERPT_LINES_MAX / 2;
  if (lines.length > EXCERPT_LINES_MAX) lines.splice(half, lines.length - 2 * half, "...");
  return lines.join("\n");
}

/** @param {import("node:child_process").ChildProcess} child */
function endTree(child) {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    if (process.platform === "win32") child.kill();
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended in between.
  }
}

/** @param {number} durationMs */
function seconds(durationMs) {
  return `${Math.round(durationMs / 1000)} s`;
}
