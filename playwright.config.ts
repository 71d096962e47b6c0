import { defineConfig } from "playwright/test";
import { chromiumArguments, findChromium } from "./e2e/setup/chromium.mjs";
import { say } from "./e2e/setup/project.mjs";

const chromium = await findChromium({ install: false, log: say });
if ("missing" in chromium) throw new Error(chromium.missing);

export default defineConfig({
  testDir: "e2e",
  testMatch: "**/*.e2e.ts",
  outputDir: "test-results",
  workers: 1,
  retries: 0,
  timeout: 60_000,
  forbidOnly: process.env["CI"] !== undefined,
  reporter: [["list"], ["json"]],
  use: {
    launchOptions: {
      executablePath: chromium.path,
      // `--headless=new` is among the arguments: Playwright's own headless mode has no WebGPU.
      headless: false,
      args: chromiumArguments({ webgpu: true }),
    },
  },
});
