import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MeshError, type ErrorCode } from "../../shared/errors.ts";
import { memoryEnvironment } from "./memory-environment.ts";

/** What the coordinator says once it is up. A worker says something that nobody needs here. */
export interface Ready {
  readonly url: string;
  readonly tokens: Readonly<Record<"submit" | "contribute" | "view" | "admin", string>>;
}

interface ReadyOrFailed {
  readonly ready?: Ready;
  readonly failed?: { readonly code: ErrorCode; readonly message: string };
}

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 8_000;
/** Of the end of what a program says, for the error if it does not start. */
const SAID_CHARS_MAX = 2_000;

/** A program of the mesh that runs as a child of this process, and ends with it. */
export class Program {
  /**
   * Resolves when it says through the IPC channel that it is up. Rejects with `START_FAILED`, or the
   * code that the program gives, and what it said.
   */
  readonly ready: Promise<Ready>;
  /** Resolves when it is over, with how it ended: `SIGKILL`, `status 1`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #said = "";

  constructor(
    name: "coordinator" | "node-worker",
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const file = fileURLToPath(new URL(`../../${name}/main.js`, import.meta.url));
    this.#child = fork(file, args, {
      env: { ...memoryEnvironment(), ...environment },
      execArgv: [],
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-SAID_CHARS_MAX);
      process.stderr.write(chunk);
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("exit", (status, signal) => resolve(signal ?? `status ${status}`));
      this.#child.on("error", ({ message }) => {
        if (this.#child.pid === undefined) resolve(message);
      });
    });
    this.ready = this.#whenReady(name);
    // Whoever does not wait for it hears of it by `ended`.
    this.ready.catch(() => undefined);
  }

  /** Its process id; undefined if it could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It must not keep a script alive that has nothing left to do. */
  unref(): void {
    this.#child.unref();
    this.#child.channel?.unref();
    (this.#child.stderr as unknown as { unref(): void }).unref();
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    await this.ended;
    clearTimeout(kill);
  }

  #whenReady(name: string): Promise<Ready> {
    return new Promise((resolve, reject) => {
      const fail = (code: ErrorCode, why: string) => {
        clearTimeout(deadline);
        reject(new MeshError(code, `the ${name} did not start: ${why}`));
      };
      const deadline = setTimeout(() => {
        fail("START_FAILED", `it was not ready after ${READY_MS_MAX} ms; it said: ${this.#said}`);
      }, READY_MS_MAX);
      this.#child.on("message", ({ ready, failed }: ReadyOrFailed) => {
        if (failed) return fail(failed.code, failed.message);
        if (!ready) return undefined;
        clearTimeout(deadline);
        return resolve(ready);
      });
      void this.ended.then((how) => {
        fail("START_FAILED", `it ended with ${how}; it said: ${this.#said}`);
      });
    });
  }
}
