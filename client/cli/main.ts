#!/usr/bin/env node
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MeshError } from "../../shared/errors.ts";
import { memoryEnvironment } from "../launch/memory-environment.ts";
import { nearestName } from "../../shared/nearest-name.ts";
import { readCommandLine } from "../../shared/node/command-line.ts";
import { launch } from "../launch/launch.ts";
import { drain } from "./drain.ts";

const USAGE = `manta: Ray for the web

  manta start         a mesh on this machine, and its URLs
    --port PORT         of the coordinator (default 7777; 0 takes a free one)
    --workers N         Node workers to start (default 2)
    --cpus N            CPUs each of them offers (default: this machine's, shared out)
    --host ADDRESS      listen on this address, so that others can join (default 127.0.0.1)
    --host-name NAME    also answer to this host name (repeatable)
    --allow-origin URL  let pages of this origin use the mesh (repeatable)
    --job-quota NAME=AMOUNT  what the work of one driver may have at once, such as cpus=4 (repeatable)
    --ice-server URL    stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, for tabs behind strict
                        networks (repeatable; or MANTA_ICE_SERVERS, separated by spaces)
    --relay-rate BYTES  a second that one peer may send through the coordinator (default 64 MiB)
    --relay-bytes BYTES that it may send so in one session (default 64 GiB)
  manta worker        contribute this machine: --url URL --token TOKEN; --help lists more
  manta drain WORKER  have a worker take nothing new and leave: --deadline 30s; --help lists more
  manta coordinator   a coordinator alone; --help lists its options
  manta help | --version`;

/** Exit status of a command line that makes no sense. */
const EXIT_USAGE = 2;
const DEFAULT_PORT = 7777;
const DEFAULT_WORKERS = 2;

async function start(argv: readonly string[]): Promise<void> {
  const values = readCommandLine(argv, {
    port: { type: "string" },
    workers: { type: "string" },
    cpus: { type: "string" },
    host: { type: "string" },
    "host-name": { type: "string", multiple: true },
    "allow-origin": { type: "string", multiple: true },
    "ice-server": { type: "string", multiple: true },
    "relay-rate": { type: "string" },
    "relay-bytes": { type: "string" },
    "job-quota": { type: "string", multiple: true },
    help: { type: "boolean" },
  });
  if (values.help) return console.log(USAGE);
  const port = wholeNumber("--port", values.port ?? DEFAULT_PORT, [0, 65_535]);
  const workers = wholeNumber("--workers", values.workers ?? DEFAULT_WORKERS, [0, 1_024]);
  // A task takes a CPU unless it says otherwise: workers without any would run next to nothing.
  const cpus =
    values.cpus === undefined ? undefined : wholeNumber("--cpus", values.cpus, [1, 1_024]);
  const mesh = await launch({
    port,
    workers,
    ...(cpus === undefined ? {} : { cpus }),
    coordinatorArguments: [
      ...(values.host ? ["--host", values.host] : []),
      ...(values["host-name"] ?? []).flatMap((name) => ["--host-name", name]),
      ...(values["allow-origin"] ?? []).flatMap((origin) => ["--allow-origin", origin]),
      ...(values["relay-rate"] ? ["--relay-rate", values["relay-rate"]] : []),
      ...(values["relay-bytes"] ? ["--relay-bytes", values["relay-bytes"]] : []),
      ...(values["ice-server"] ?? []).flatMap((server) => ["--ice-server", server]),
      ...(values["job-quota"] ?? []).flatMap((quota) => ["--job-quota", quota]),
    ],
    restartWorkers: (sentence) => console.error(`manta: ${sentence}`),
  });
  const { url, tokens } = mesh;
  console.log(`
Manta is up, with ${workers} Node worker(s). Open these:

  Contribute   ${url}/contribute#token=${tokens.contribute}
               adds the tab's compute${
                 values.host ? "; give it to whoever may help" : " (this machine only: see --host)"
               }
  Dashboard    ${url}/dashboard#token=${tokens.view}
               peers, tasks and objects, live
  API          ${url}/console#token=${tokens.submit}
               write a driver in the page, or in a shell:
               export MANTA_URL=${url} MANTA_TOKEN=${tokens.submit}
  Operator     to take a worker out: manta drain WORKER, after
               export MANTA_URL=${url} MANTA_ADMIN_TOKEN=${tokens.admin}

Ctrl-C stops it, or: kill ${process.pid}
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
  const options = { stdio: "inherit", env: memoryEnvironment() } as const;
  const child = spawn(process.execPath, [file, ...argv], options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on("exit", (status) => resolve(status ?? 1)));
}

function version(): string {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function wholeNumber(
  flag: string,
  given: string | number,
  [min, max]: readonly [min: number, max: number],
): number {
  const value = given === "" ? Number.NaN : Number(given);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const message = `${flag} takes a whole number from ${min} to ${max}, not ${JSON.stringify(given)}`;
  throw new MeshError("INVALID_ARGUMENT", message);
}

function unknownCommand(command: string): MeshError {
  const meant = nearestName(command, ["start", "worker", "drain", "coordinator", "help"]);
  const guess = meant ? `; did you mean ${meant}?` : "";
  return new MeshError("INVALID_ARGUMENT", `there is no such command${guess}`);
}

async function main(): Promise<void> {
  const [command = "help", ...rest] = process.argv.slice(2);
  try {
    if (command === "start") await start(rest);
    else if (command === "drain") await drain(rest);
    else if (command === "worker") process.exitCode = await runProgram("node-worker", rest);
    else if (command === "coordinator") process.exitCode = await runProgram("coordinator", rest);
    else if (command === "help" || command === "--help") console.log(USAGE);
    else if (command === "--version") console.log(version());
    else throw unknownCommand(command);
  } catch (error) {
    const isUsage = !MeshError.is(error) || error.code === "INVALID_ARGUMENT";
    console.error(`manta ${command}: ${(error as Error).message}`);
    if (isUsage) console.error("`manta help` lists the commands and their options");
    process.exitCode = isUsage ? EXIT_USAGE : 1;
  }
}

await main();
