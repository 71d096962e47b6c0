import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { MeshError, type ErrorCode } from "../../shared/errors.ts";

export interface LaunchOptions {
  /** Node workers to start. Default 1. */
  readonly workers?: number;
  /** CPUs each of them offers. Default: this machine's, shared out. */
  readonly cpus?: number;
  /** Port of the coordinator. Default 0: a free one. */
  readonly port?: number;
  /** More arguments for the coordinator's program. */
  readonly coordinatorArguments?: readonly string[];
}

/** A coordinator and workers that run as children of this process. */
export interface Launched {
  readonly url: string;
  readonly tokens: Readonly<Record<"submit" | "contribute" | "view" | "admin", string>>;
  /** The Node workers' process ids, in the order they were started. */
  readonly workerPids: readonly number[];
  /** Resolves with a sentence when one of the children ends by itself. */
  readonly childEnded: Promise<string>;
  /** Let this process end although they run; they end with it. */
  unref(): void;
  stop(): Promise<void>;
}

interface Ready {
  readonly url: string;
  readonly tokens: Launched["tokens"];
}

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;

/**
 * Start the programs of a mesh: a coordinator, then workers connected to it.
 * @throws MeshError `START_FAILED` with what the child that failed said.
 */
export async function launch(options: LaunchOptions = {}): Promise<Launched> {
  const { workers = 1, port = 0, cpus, coordinatorArguments = [] } = options;
  const cpusEach = cpus ?? Math.max(1, Math.floor(availableParallelism() / Math.max(1, workers)));
  const children: ChildProcess[] = [];
  // Workers first: they would look for a coordinator that is gone.
  const stop = async () => {
    await Promise.all(children.slice(1).map(stopChild));
    await Promise.all(children.map(stopChild));
  };
  try {
    const flags = ["--port", String(port), ...coordinatorArguments];
    const { url, tokens } = await run(children, "coordinator", flags, {}).ready;
    const names = Array.from({ length: workers }, (_, i) => `node-${i + 1}`);
    const environment = { MANTA_URL: url, MANTA_TOKEN: tokens.contribute };
    const started = names.map((name) =>
      run(children, "node-worker", ["--name", name, "--cpus", String(cpusEach)], environment),
    );
    await Promise.all(started.map(({ ready }) => ready));
    return {
      url,
      tokens,
      workerPids: started.map(({ child }) => child.pid!),
      childEnded: Promise.race(children.map(ended)),
      unref: () => children.forEach(letGo),
      stop,
    };
  } catch (error) {
    await stop();
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

function stopChild(child: ChildProcess): Promise<void> {
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

const ended = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once("exit", (status, signal) =>
      resolve(
        `${child.spawnargs.slice(1, 4).join(" ")} ended with ${signal ?? `status ${status}`}`,
      ),
    );
  });
