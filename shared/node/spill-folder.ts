import { readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** `<prefix><host>,<pid>,<when it started>,<random>`: enough to tell whether its owner still lives. */
const PREFIX = "manta-spill-";
const HOST = hostname().replaceAll(/[^A-Za-z0-9.-]/g, "_");

const open = new Set<string>();
let isExitWatched = false;

/**
 * A folder of this process's own, for what a store moves to disk. It goes when it is closed or the
 * process exits. What a process left behind that could not clean up is removed by the next one.
 * @param base where; default: the system's folder for temporary files.
 */
export class SpillFolder {
  readonly #base: string;
  #made: Promise<string> | undefined;
  #isClosed = false;

  constructor(base: string = tmpdir()) {
    this.#base = resolve(base);
  }

  /** Its path; made when it is first asked for. */
  path(): Promise<string> {
    if (this.#isClosed) return Promise.reject(new Error("this store was closed"));
    return (this.#made ??= this.#make().catch((error: unknown) => {
      // What is in the way may go: the next object tries anew.
      this.#made = undefined;
      throw error;
    }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const path = await this.#made?.catch(() => undefined);
    if (path === undefined) return;
    await rm(path, { recursive: true, force: true });
    open.delete(path);
  }

  async #make(): Promise<string> {
    await mkdir(this.#base, { recursive: true });
    const own = [HOST, process.pid, startOf(process.pid)].join(",");
    const path = await mkdtemp(join(this.#base, `${PREFIX}${own},`));
    open.add(path);
    if (!isExitWatched) process.on("exit", removeAll);
    isExitWatched = true;
    return path;
  }
}

/** Remove the folders of processes of this machine that are gone, such as those killed with -9. */
export async function removeLeftovers(base: string = tmpdir()): Promise<void> {
  const names = await readdir(base).catch(() => []);
  const left = names.filter((name) => name.startsWith(PREFIX) && isLeft(name));
  // Those of other users cannot be removed, and are theirs to remove.
  const removals = left.map((name) => rm(join(base, name), { recursive: true, force: true }));
  await Promise.allSettled(removals);
}

function isLeft(name: string): boolean {
  const [host, pid, start] = name.slice(PREFIX.length).split(",");
  if (host !== HOST || !/^\d+$/.test(pid ?? "")) return false;
  if (!lives(Number(pid))) return true;
  // Another process may have the same id by now.
  const now = startOf(Number(pid));
  return start !== "" && now !== "" && start !== now;
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** When a process started, in a unit of the system's; empty where it does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets, and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function removeAll(): void {
  for (const path of open) rmSync(path, { recursive: true, force: true });
}
