import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { chromiumArguments, findChromium, swiftShaderIcd } from "./chromium.mjs";
import { runQuietly } from "./processes.mjs";

const ignore = () => {};
const posix = process.platform === "win32" ? test.skip : test;
let folder: string | undefined;

afterEach(() => {
  vi.unstubAllEnvs();
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

function program(script: string): string {
  folder = mkdtempSync(join(tmpdir(), "manta-setup-"));
  const path = join(folder, "program");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

posix("MANTA_CHROMIUM is taken before anything else", async () => {
  const path = program("echo Chromium 156.0.1");
  vi.stubEnv("MANTA_CHROMIUM", path);
  expect(await findChromium({ install: false, log: ignore })).toEqual({
    path,
    how: "MANTA_CHROMIUM",
  });
});

test("a MANTA_CHROMIUM that is not there is an error, not a reason to take another", async () => {
  vi.stubEnv("MANTA_CHROMIUM", "/no/such/browser");
  expect(await findChromium({ install: true, log: ignore })).toEqual({
    missing: "MANTA_CHROMIUM names /no/such/browser, which does not work: there is no such file",
  });
});

posix.each([
  ["echo ls 9.1", "it is not a Chromium"],
  ["echo libnss3.so: cannot open >&2; exit 127", "libnss3.so: cannot open"],
])("a program that answers `%s` is no browser, and the reason is told", async (script, why) => {
  vi.stubEnv("MANTA_CHROMIUM", program(script));
  const found = await findChromium({ install: false, log: ignore });
  expect(found).toMatchObject({ missing: expect.stringContaining(why) });
});

posix("the software Vulkan driver is the one beside the browser", () => {
  const browser = program("echo Chromium 156.0.1");
  const driver = join(dirname(browser), "vk_swiftshader_icd.json");
  writeFileSync(driver, "{}");
  vi.stubEnv("MANTA_CHROMIUM", browser);
  expect(swiftShaderIcd()).toBe(driver);
});

test("WebGPU is offered in software, and only when wanted", () => {
  expect(chromiumArguments({ webgpu: true })).toContain("--use-webgpu-adapter=swiftshader");
  expect(chromiumArguments({ webgpu: false }).join(" ")).not.toContain("webgpu");
});

posix("a program that stops making progress is given up, with its children", async () => {
  const path = program("echo started; sleep 600 & wait");
  const options = { what: "waiting", limitMs: 60_000, silenceMs: 100, log: ignore };
  expect(await runQuietly(path, [], options)).toEqual({
    ok: false,
    why: "no progress for 0 s",
    output: "started",
  });
});

posix("a program that fails tells how, and what it printed", async () => {
  const options = { what: "failing", limitMs: 60_000, log: ignore };
  expect(await runQuietly(program("echo one; echo two >&2; exit 3"), [], options)).toEqual({
    ok: false,
    why: "it ended with code 3",
    output: expect.stringMatching(/one[^]*two|two[^]*one/),
  });
});
