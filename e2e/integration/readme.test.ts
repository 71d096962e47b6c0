import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startMesh } from "manta";
import { expect, test } from "vitest";
import { inProject } from "../setup/project.mjs";
import { readmeDriver } from "../support/readme.ts";

test("the driver of README.md runs in Node as it stands, and prints what README.md says", async () => {
  const { source, prints } = readmeDriver();
  const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1 });
  // Inside the project, so that "manta" is found.
  const folder = await mkdtemp(inProject("dist", "readme-"));
  const file = join(folder, "driver.mjs");
  await writeFile(file, source);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: { ...process.env, MANTA_URL: url, MANTA_TOKEN: tokens.submit },
    timeout: 30_000,
  });
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n")).toEqual(prints);
  await rm(folder, { recursive: true });
  await mesh.close();
});
