import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { inProject } from "../setup/project.mjs";
import { documentedPrograms } from "../support/documented-programs.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Programs that documents show run as they stand, and print what the document says. */
const started = sharedMesh({ workers: 1, cpus: 1 });

const PROGRAMS = ["README.md", "docs/objects.md", "docs/tasks.md", "docs/ray.md"].flatMap(
  documentedPrograms,
);

test.each(PROGRAMS)("the program of $place runs in Node", async ({ source, prints }) => {
  // Inside the project, so that "manta" is found.
  const folder = await mkdtemp(inProject("dist", "document-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "driver.mjs");
  await writeFile(file, source);
  const running = promisify(execFile)(process.execPath, [file], {
    env: { ...process.env, MANTA_URL: started.url, MANTA_TOKEN: started.tokens.submit },
    timeout: 30_000,
  });
  let printedMs = 0;
  running.child.stdout?.on("data", () => (printedMs = Date.now()));
  const { stdout, stderr } = await running;
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n")).toEqual(prints);
  // It has left the mesh, so nothing keeps it: a heartbeat would, for five seconds.
  expect(Date.now() - printedMs).toBeLessThan(4_000);
});
