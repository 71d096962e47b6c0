import { fileURLToPath } from "node:url";
import { expect, type Page, test as base } from "playwright/test";
import { build, type Rolldown } from "vite";
import type { ObjectRef } from "manta";
import type { SpillPage } from "./spill-page.ts";
import { peerNamed, test } from "./support/mesh-test.ts";

/** Objects that do not fit in a tab's memory: in the origin's private file system, in Chromium. */

declare global {
  interface Window {
    spillPage: SpillPage;
  }
}

const MIB = 2 ** 20;
const OBJECT_BYTES = 4 * MIB;
/** The least the contribute page offers, of which the page's own part is three quarters. */
const MEMORY_MIB = 64;
const STORE_BYTES = MEMORY_MIB * MIB * 0.75;

/** An object that differs from every other. */
function make(seed: number, sizeBytes: number): Uint32Array {
  const words = new Uint32Array(sizeBytes / 4).fill(seed);
  for (let i = 0; i < words.length; i += 512) words[i] = seed * 1_000_003 + i;
  return words;
}

function isRight(words: Uint32Array, seed: number): boolean {
  for (let i = 0; i < words.length; i += 512) {
    if (words[i] !== seed * 1_000_003 + i || words[i + 511] !== seed) return false;
  }
  return true;
}

/** Files that the page keeps. */
const filesOf = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    let files = 0;
    const root = await navigator.storage.getDirectory();
    for await (const folder of root.values()) {
      if (folder.kind !== "directory") continue;
      for await (const _ of folder.values()) files += 1;
    }
    return files;
  });

const foldersOf = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    let folders = 0;
    const root = await navigator.storage.getDirectory();
    for await (const _ of root.keys()) folders += 1;
    return folders;
  });

test("more objects than a tab's memory go to its disk, are read again, and leave nothing behind", async ({
  mesh,
  tabs,
}) => {
  const { page, name } = await tabs.contribute("small", { wishes: { memory: String(MEMORY_MIB) } });
  const options = { labels: { runtime: "browser", name } };
  const makeThere = mesh.remote(make, options);
  const refs: ObjectRef<Uint32Array>[] = [];
  for (let seed = 0; seed < 48; seed++) refs.push(makeThere(seed, OBJECT_BYTES));
  await mesh.wait(refs, { count: refs.length });
  expect(await filesOf(page)).toBeGreaterThan(0);
  const inMemory = async () => {
    const { storedBytes, spilledBytes = 0 } = await peerNamed(mesh, name);
    return { isSpilled: spilledBytes > 0, fits: storedBytes - spilledBytes <= STORE_BYTES };
  };
  await expect.poll(inMemory).toEqual({ isSpilled: true, fits: true });

  const check = mesh.remote(isRight, options);
  const checks = refs.map((ref, seed) => check(ref, seed));
  expect(await mesh.get(checks)).toEqual(refs.map(() => true));
  for (const seed of [0, 20, 40]) expect(isRight(await mesh.get(refs[seed]!), seed)).toBe(true);

  for (const ref of [...refs, ...checks]) ref.dispose();
  await expect.poll(() => filesOf(page)).toBe(0);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("main")).toHaveAttribute("data-phase", "stopped");
  expect(await foldersOf(page)).toBe(0);
});

test("a browser that gives no more disk fails the task that needs it, and says so", async ({
  mesh,
  tabs,
  started,
}) => {
  const { page, name } = await tabs.contribute("full", { wishes: { memory: String(MEMORY_MIB) } });
  const session = await page.context().newCDPSession(page);
  const quotaSize = 16 * MIB;
  await session.send("Storage.overrideQuotaForOrigin", { origin: started.url, quotaSize });
  const options = { labels: { runtime: "browser", name }, retriesMax: 0 };
  const makeThere = mesh.remote(make, options);
  const refs = Array.from({ length: 24 }, (_, seed) => makeThere(seed, OBJECT_BYTES));
  const outcomes = await Promise.allSettled(refs.map((ref) => mesh.get(ref)));
  const failures = outcomes.flatMap((it) => (it.status === "rejected" ? [it.reason] : []));
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThan(12);
  for (const error of failures) {
    expect(error.code).toBe("STORE_FULL");
    expect(error.message).toMatch(/storage quota for this site is used up.*release refs/);
  }
  for (const [seed, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") expect(isRight(outcome.value, seed)).toBe(true);
  }
});

/** A page that has nothing but the program of spill-page.ts. */
async function openSpillPage(page: Page): Promise<void> {
  const script = `<!doctype html><script type="module">${await bundled()}</script>`;
  await page.route("http://localhost:1/", (route) =>
    route.fulfill({ contentType: "text/html", body: script }),
  );
  await page.goto("http://localhost:1/");
  await page.waitForFunction(() => "spillPage" in window);
}

base.describe("in a page of its own", () => {
  base.beforeEach(({ page }) => openSpillPage(page));

  base("the private file system keeps the contract of spill devices", async ({ page }) => {
    const names = await page.evaluate(() => window.spillPage.names);
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) {
      await base.step(name, () => page.evaluate((it) => window.spillPage.runContract(it), name));
    }
    expect(await page.evaluate(() => window.spillPage.folders())).toEqual([]);
  });

  base(
    "the folder of a tab that was closed is removed by the next, that of a living one stays",
    async ({ page, context }) => {
      const other = await context.newPage();
      await openSpillPage(other);
      await other.evaluate(() => window.spillPage.leave());
      await page.evaluate(() => window.spillPage.removeLeftovers());
      expect(await page.evaluate(() => window.spillPage.folders())).toHaveLength(1);
      await other.close();
      await expect
        .poll(async () => {
          await page.evaluate(() => window.spillPage.removeLeftovers());
          return page.evaluate(() => window.spillPage.folders());
        })
        .toEqual([]);
    },
  );
});

async function bundled(): Promise<string> {
  const results = (await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      lib: {
        entry: fileURLToPath(new URL("./spill-page.ts", import.meta.url)),
        formats: ["es"],
        fileName: () => "page.js",
      },
    },
  })) as Rolldown.RolldownOutput[];
  const [chunk] = results.flatMap(({ output }) => output);
  if (chunk?.type !== "chunk") throw new Error("the page's program is not one bundle");
  return chunk.code;
}
