import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startMesh } from "manta";
import { expect, onTestFinished, test } from "vitest";
import { inProject } from "../setup/project.mjs";
import { readmeDriver } from "../support/readme.ts";

test("the driver of README.md runs in Node as it stands, and prints what README.md says", async () => {
  const { source, prints } = readmeDriver();
  const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1 });
  onTestFinished(() => mesh.close());
  // Inside the project, so that "manta" is found.
  const folder = await mkdtemp(inProject("dist", "readme-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "driver.mjs");
  await writeFile(file, source);
  const startMs = Date.now();
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: { ...process.env, MANTA_URL: url, MANTA_TOKEN: tokens.submit },
    timeout: 30_000,
  });
  expect(stderr).toBe("");
  // It has left the mesh, so nothing keeps it: a heartbeat would, for five seconds.
  expect(Date.now() - startMs).toBeLessThan(4_000);
  expect(stdout.trimEnd().split("\n")).toEqual(prints);
});
