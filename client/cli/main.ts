#!/usr/bin/env node
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MeshError } from "../../shared/errors.ts";
import { launch } from "../launch/launch.ts";

const USAGE = `manta: Ray for the web

  manta start [--port 7777] [--workers 2] [--cpus N]   a mesh on this machine, and its URLs
  manta worker --url URL --token TOKEN                  contribute this machine to a mesh
  manta coordinator [--host ...] [--port ...]           a coordinator alone
  manta help

manta worker --help and manta coordinator --help list their options.`;

/** Exit status of a command line that makes no sense. */
const EXIT_USAGE = 2;
const DEFAULT_PORT = 7777;
const DEFAULT_WORKERS = 2;

async function start(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: "string" },
      workers: { type: "string" },
      cpus: { type: "string" },
    },
  });
  const port = wholeNumber("--port", values.port, DEFAULT_PORT);
  const workers = wholeNumber("--workers", values.workers, DEFAULT_WORKERS);
  const cpus = values.cpus === undefined ? undefined : wholeNumber("--cpus", values.cpus, 1);
  const mesh = await launch({
    port,
    workers,
    ...(cpus === undefined ? {} : { cpus }),
    restartWorkers: (sentence) => console.error(`manta: ${sentence}`),
  });
  const { url, tokens } = mesh;
  console.log(`
Manta is up, with ${workers} Node worker(s). Open these:

  Contribute   ${url}/contribute#token=${tokens.contribute}
               adds the tab's compute; give it to whoever may help
  Dashboard    ${url}/dashboard#token=${tokens.view}
               peers, tasks and objects, live
  API          ${url}/console#token=${tokens.submit}
               write a driver in the page, or in a shell:
               export MANTA_URL=${url} MANTA_TOKEN=${tokens.submit}

Ctrl-C stops it.
`);
  const stop = new Promise<undefined>((resolve) => {
    process.once("SIGINT", () => resolve(undefined));
    process.once("SIGTERM", () => resolve(undefined));
  });
  const how = await Promise.race([stop, mesh.coordinatorEnded]);
  await mesh.stop();
  if (how) {
    throw new MeshError("START_FAILED", `the mesh is over: the coordinator ended with ${how}`);
  }
}

/** Hand over to a program of the mesh; its exit status becomes ours. */
function runProgram(program: string, argv: readonly string[]): Promise<number> {
  const file = fileURLToPath(new URL(`../../${program}/main.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...argv], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on("exit", (status) => resolve(status ?? 1)));
}

function wholeNumber(flag: string, given: string | undefined, otherwise: number): number {
  const value = Number(given ?? otherwise);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new MeshError("INVALID_ARGUMENT", `${flag} takes a whole number, not ${given}`);
}

async function main(): Promise<void> {
  const [command = "help", ...rest] = process.argv.slice(2);
  try {
    if (command === "start") await start(rest);
    else if (command === "worker") process.exitCode = await runProgram("node-worker", rest);
    else if (command === "coordinator") process.exitCode = await runProgram("coordinator", rest);
    else if (command === "help" || command === "--help") console.log(USAGE);
    else {
      console.error(`there is no command ${JSON.stringify(command)}\n\n${USAGE}`);
      process.exitCode = EXIT_USAGE;
    }
  } catch (error) {
    const isUsage = !MeshError.is(error) || error.code === "INVALID_ARGUMENT";
    console.error(`manta ${command}: ${(error as Error).message}`);
    process.exitCode = isUsage ? EXIT_USAGE : 1;
  }
}

await main();
