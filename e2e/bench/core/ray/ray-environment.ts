import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { cacheFile } from "../../../setup/project.mjs";

/** The version that figures are published with. */
const RAY_VERSION = "2.60.0";

const environment = () => cacheFile("ray");

/** The Python of Ray's virtual environment, whether it is there or not. */
export const rayPython = (): string =>
  process.platform === "win32"
    ? join(environment(), "Scripts", "python.exe")
    : join(environment(), "bin", "python");

/**
 * Install Ray from PyPI into a virtual environment beside the project's packages: only for
 * `--vs ray`. Takes 300 MB.
 * @throws Error if there is no Python 3, or pip fails.
 */
export async function setUpRay(): Promise<void> {
  await run("python3", ["-m", "venv", environment()]);
  await run(rayPython(), [
    "-m",
    "pip",
    "install",
    "--quiet",
    `ray[client]==${RAY_VERSION}`,
    "numpy",
  ]);
  await run(rayPython(), ["-c", "import ray; print('Ray', ray.__version__, 'is installed')"]);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: "inherit" });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
}
