import { chromium, type Browser } from "playwright";
import { startMesh, type Mesh } from "manta";
import { chromiumArguments, findChromium } from "../../setup/chromium.mjs";
import type { Stage } from "../stage.ts";

const JOIN_MS_MAX = 30_000;

export interface TabMesh {
  readonly mesh: Mesh;
  readonly browser: Browser;
}

/** A Node worker `node-1` and two tabs, `tab-1` and `tab-2`, each as separate as those of two people. */
export function tabMesh(stage: Stage): Promise<TabMesh> {
  return stage.share("tab mesh", open, async ({ mesh, browser }) => {
    await browser.close();
    await mesh.close();
  });
}

async function open(): Promise<TabMesh> {
  const found = await findChromium({ install: true, log: (text) => console.error(text) });
  if ("missing" in found) throw new Error(found.missing);
  const browser = await chromium.launch({
    executablePath: found.path,
    // Playwright's own headless mode is another program; this is the browser people have.
    headless: false,
    args: chromiumArguments({ webgpu: false }),
  });
  const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1, name: "bench" });
  for (const name of ["tab-1", "tab-2"]) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${url}/contribute?start=1&name=${name}#token=${tokens.contribute}`);
    await page.waitForSelector('[data-phase="working"]', { timeout: JOIN_MS_MAX });
  }
  return { mesh, browser };
}
