import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { MUTATIONS, type Mutation } from "./mutations.ts";

/**
 * Does the simulator notice bugs? Plants them one at a time in a copy of the sources, and runs seeds
 * against each. By hand, from the repository's root: `npx tsx coordinator/simulator/mutate.ts`.
 */
const SEEDS = process.env["SEEDS"] ?? "200";
const RUN_MS_MAX = 300_000;

const copy = await mkdtemp(join(tmpdir(), "manta-mutate-"));
try {
  for (const folder of ["coordinator", "shared"]) {
    await cp(folder, join(copy, folder), { recursive: true });
  }
  await cp("package.json", join(copy, "package.json"));
  await symlink(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  print(`without a bug: ${await failures()}`);
  let caught = 0;
  for (const mutation of MUTATIONS) {
    const verdict = await judge(mutation);
    if (verdict) caught += 1;
    print(`${mutation.name}: ${verdict ?? "NOT CAUGHT"}`);
  }
  print(`${caught} of ${MUTATIONS.length} caught`);
} finally {
  await rm(copy, { recursive: true, force: true });
}

/** @returns how it showed, or `undefined` if it did not. */
async function judge({ name, file, text, by }: Mutation): Promise<string | undefined> {
  const path = join(copy, file);
  const source = await readFile(path, "utf8");
  if (source.split(text).length !== 2) throw new Error(`${name}: its text is not once in ${file}`);
  await writeFile(
    path,
    source.replace(text, () => by),
  );
  try {
    return await failures();
  } finally {
    await writeFile(path, source);
  }
}

/** @returns the first failure and how many seeds fail, or `undefined` if none does. */
function failures(): Promise<string | undefined> {
  const args = ["--import", "tsx", "coordinator/simulator/main.ts", "--seeds", SEEDS];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: copy, timeout: RUN_MS_MAX }, (error, stdout) => {
      if (!error) return resolve(undefined);
      const lines = stdout.trim().split("\n");
      const total = lines.at(-1)?.match(/\d+ failed/)?.[0] ?? "does not end";
      resolve(`${total}; ${lines[0]?.slice(0, 120)}`);
    });
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
