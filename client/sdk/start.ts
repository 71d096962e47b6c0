import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { MeshError, type ErrorCode } from "../../shared/errors.ts";
import { connectOwned } from "./connect-in-node.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Mesh } from "./mesh.ts";

export interface StartOptions extends Omit<ConnectOptions, "token"> {
  /** Node workers to start. Default 1. */
  readonly workers?: number;
  /** CPUs each of them offers. Default: this machine's, shared out. */
  readonly cpus?: number;
  /** Port of the coordinator. Default 0: a free one. */
  readonly port?: number;
}

/** A mesh of this process's own, with the tokens that let others join it. */
export interface StartedMesh {
  readonly mesh: Mesh;
  readonly url: string;
  readonly tokens: Readonly<Record<"submit" | "contribute" | "view" | "admin", string>>;
  /** The Node workers' process ids, in the order they were started. */
  readonly workerPids: readonly number[];
}

interface Ready {
  readonly url: string;
  readonly tokens: StartedMesh["tokens"];
}

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;

/**
 * Bring up a coordinator and workers as children of this process, and connect to them: a mesh for a
 * script or a test. The same code runs against a real mesh with `connect(url)`. `mesh.close()` stops
 * all of it, and so does the end of this process.
 *
 * @throws MeshError `START_FAILED` with what the child that failed said.
 */
export async function start(options: StartOptions = {}): Promise<Mesh> {
  return (await startMesh(options)).mesh;
}

/** {@link start}, for those who also let others join. */
export async function startMesh(options: StartOptions = {}): Promise<StartedMesh> {
  const { workers = 1, port = 0, cpus, ...connectOptions } = options;
  const cpusEach = cpus ?? Math.max(1, Math.floor(availableParallelism() / Math.max(1, workers)));
  const children: ChildProcess[] = [];
  const stopAll = () => Promise.all(children.map(stop)).then(() => undefined);
  try {
    const coordinator = run(children, "coordinator", ["--port", String(port), "--quiet"], {});
    const { url, tokens } = await coordinator.ready;
    const names = Array.from({ length: workers }, (_, i) => `node-${i + 1}`);
    const environment = { MANTA_URL: url, MANTA_TOKEN: tokens.contribute };
    const started = names.map((name) =>
      run(children, "node-worker", ["--name", name, "--cpus", String(cpusEach)], environment),
    );
    await Promise.all(started.map(({ ready }) => ready));
    const driverOptions = { ...connectOptions, token: tokens.submit };
    const mesh = await connectOwned(url, driverOptions, stopAll);
    children.forEach(letGo);
    const workerPids = started.map(({ child }) => child.pid!);
    return { mesh, url, tokens, workerPids };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** Start a program of the mesh; it says through the IPC channel that it is ready, or why not. */
function run(
  children: ChildProcess[],
  program: "coordinator" | "node-worker",
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): { readonly child: ChildProcess; readonly ready: Promise<Ready> } {
  const file = fileURLToPath(new URL(`../../${program}/main.js`, import.meta.url));
  const child = fork(file, args, {
    env: { ...process.env, ...environment },
    execArgv: [],
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  children.push(child);
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
    process.stderr.write(chunk);
  });
  const ready = new Promise<Ready>((resolve, reject) => {
    const fail = (code: ErrorCode, why: string) =>
      reject(new MeshError(code, `the ${program} did not start: ${why}`));
    const deadline = setTimeout(
      () => fail("START_FAILED", `it was not ready after ${READY_MS_MAX} ms; it said: ${said}`),
      READY_MS_MAX,
    );
    child.on(
      "message",
      (message: { ready?: Ready; failed?: { code: ErrorCode; message: string } }) => {
        if (!message.ready && !message.failed) return;
        clearTimeout(deadline);
        if (message.ready) resolve(message.ready);
        else fail(message.failed!.code, message.failed!.message);
      },
    );
    child.on("exit", (status, signal) => {
      clearTimeout(deadline);
      fail("START_FAILED", `it ended with ${signal ?? `status ${status}`}; it said: ${said}`);
    });
  });
  return { child, ready };
}

/** The children must not keep a script alive that has nothing left to do; they end with it. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  (child.stderr as unknown as { unref(): void }).unref();
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    child.once("exit", () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
