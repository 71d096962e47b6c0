import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { inProject } from "../../../setup/project.mjs";
import { rayPython } from "./ray-environment.ts";
import type { TimedBody } from "./timeit.ts";

/** Starting Ray takes some seconds, and a round of a slow body some more. */
const ANSWER_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;

interface Answer {
  readonly rate?: number;
  readonly error?: string;
}

/** Ray, with the bodies of its microbenchmarks, in a process that runs what it is told (bodies.py). */
export class RayProcess {
  readonly #child: ChildProcess;
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      // Ray's own messages may get in between.
      if (line.startsWith('{"')) this.#settle?.resolve(JSON.parse(line) as Answer);
    });
    child.once("exit", (status, signal) => {
      this.#settle?.reject(new Error(`Ray's process ended with ${signal ?? status}`));
    });
  }

  /** @throws Error that says how to install Ray, if it is not. */
  static async start(): Promise<RayProcess> {
    const python = rayPython();
    if (!existsSync(python)) {
      throw new Error(
        "Ray is not installed for this project: run `npm run bench -- ray-setup` once",
      );
    }
    const child = spawn(python, [inProject("e2e", "bench", "core", "ray", "bodies.py")], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, RAY_DEDUP_LOGS: "0", RAY_USAGE_STATS_ENABLED: "0" },
    });
    const ray = new RayProcess(child);
    await ray.#ask({ do: "init" });
    return ray;
  }

  async prepare(name: string): Promise<TimedBody> {
    await this.#ask({ do: "prepare", name });
    return {
      warmUp: async () => void (await this.#ask({ do: "warm-up" })),
      round: async () => (await this.#ask({ do: "round" })).rate!,
    };
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  async #ask(order: object): Promise<Answer> {
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    const timer = setTimeout(() => {
      const what = JSON.stringify(order);
      this.#settle?.reject(new Error(`Ray did not answer ${what} within ${ANSWER_MS_MAX} ms`));
    }, ANSWER_MS_MAX);
    try {
      const answer = await answered;
      if (answer.error !== undefined) throw new Error(`Ray: ${answer.error}`);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }
}
