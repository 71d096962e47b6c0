import { chromium } from "playwright";
import { chromiumArguments, findChromium } from "../../e2e/setup/chromium.mjs";

export interface ContributingTab {
  readonly browser: string;
  close(): Promise<void>;
}

/** How long the page may take from opening to being a worker of the mesh. */
const JOIN_MS_MAX = 30_000;

/**
 * Open the contribute page in headless Chromium, as somebody who follows the link would.
 * @returns the tab, or why there is none.
 */
export async function openContributingTab(
  url: string,
  token: string,
): Promise<ContributingTab | { readonly missing: string }> {
  const found = await findChromium({ install: false, log: () => {} });
  if ("missing" in found) return found;
  const browser = await chromium.launch({
    executablePath: found.path,
    // Playwright's own headless mode is another program; this is the browser people have.
    headless: false,
    args: chromiumArguments({ webgpu: true }),
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/contribute?start=1&name=tab#token=${token}`);
    await page.waitForSelector('[data-phase="working"]', { timeout: JOIN_MS_MAX });
    return { browser: `Chromium ${browser.version()}`, close: () => browser.close() };
  } catch (error) {
    await browser.close();
    return { missing: `the tab did not join: ${(error as Error).message.split("\n")[0]}` };
  }
}
