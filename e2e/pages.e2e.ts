import { expect, type Page } from "playwright/test";
import { startMesh } from "manta";
import { controls } from "./support/accessible.ts";
import { test } from "./support/mesh-test.ts";
import { documentedPrograms } from "./support/documented-programs.ts";
import { never } from "./support/tasks.ts";

/** The coordinator's own pages, as people use them. */

const main = (page: Page) => page.getByRole("main");
/** What the contribute page says that it does; its counters are statuses too. */
const status = (page: Page) => page.locator("#status");
const output = (page: Page) => page.getByTestId("output");

async function runInConsole(page: Page, source: string): Promise<void> {
  await page.getByRole("textbox", { name: "Driver source" }).fill(source);
  await page.getByRole("button", { name: "Run" }).click();
}

test("the console runs the driver of README.md as it stands", async ({
  started: { tokens },
  tabs,
}) => {
  const { source, prints } = documentedPrograms("README.md")[0]!;
  const page = await tabs.open(`/console#token=${tokens.submit}`);
  await runInConsole(page, source);
  await expect(page.getByRole("status")).toContainText("Finished");
  expect(await output(page).locator(".line").allInnerTexts()).toEqual(prints);
});

test("the console runs its example, and stops a driver that does not end", async ({
  started: { tokens },
  mesh,
  tabs,
}) => {
  const page = await tabs.open(`/console#token=${tokens.submit}`);
  await page.getByRole("textbox", { name: "Driver source" }).press("Control+Enter");
  await expect(page.getByRole("status")).toContainText("Finished");
  await expect(output(page)).toContainText("counter 42");
  await runInConsole(
    page,
    `import { connect } from "manta";
     const mesh = await connect(undefined, { name: "endless" });
     await mesh.get(mesh.remote(() => new Promise(() => {}))());`,
  );
  await expect.poll(async () => (await mesh.summary()).tasksRunning).toBe(1);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("status")).toContainText("Stopped");
  await expect.poll(async () => (await mesh.summary()).tasksRunning).toBe(0);
  const drivers = async () =>
    (await mesh.peers()).filter((peer) => peer.role === "driver").map(({ name }) => name);
  await expect.poll(drivers).not.toContain("endless");
});

test("the console shows an error with its code, its cause and where it was thrown", async ({
  started: { tokens },
  tabs,
}) => {
  const page = await tabs.open(`/console#token=${tokens.submit}`);
  await runInConsole(
    page,
    `import { connect } from "manta";
     const mesh = await connect();
     console.table([{ name: "a", done: 3 }]);
     const read = mesh.remote(function readConfig() {
       throw new TypeError("no such field");
     });
     await mesh.get(read());`,
  );
  await expect(page.getByRole("status")).toContainText("Failed");
  await expect(output(page)).toContainText("(index) │ name │ done");
  await expect(output(page)).toContainText("MeshError TASK_FAILED");
  await expect(output(page)).toContainText("caused by TypeError: no such field");
  await expect(output(page)).toContainText("at readConfig");
  await runInConsole(
    page,
    `import { connect } from "manta"; const factor = 2;
    (await connect()).remote((x) => x * factor);`,
  );
  await expect(output(page)).toContainText("MeshError CAPTURED_VARIABLE");
  await expect(output(page)).toContainText("factor");
});

test("a tab is lent by keyboard alone", async ({ started: { tokens }, mesh, tabs }) => {
  const page = await tabs.open(`/contribute?name=keyboard#token=${tokens.contribute}`);
  const start = page.getByRole("button", { name: "Start" });
  await expect(start).toBeEnabled();
  await tabTo(page, "Start");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "This did not work" })).toHaveCount(0);
  await expect(main(page)).toHaveAttribute("data-phase", "working");
  const stop = page.getByRole("button", { name: "Stop" });
  await expect(stop).toBeFocused();
  const square = mesh.remote((x: number) => x * x, { labels: { name: "keyboard" } });
  expect(await mesh.get([1, 2, 3].map((x) => square(x)))).toEqual([1, 4, 9]);
  await expect(page.locator("#tasks-done")).toHaveText("3");
  await expect(page.locator("#time-contributed")).not.toHaveText("0:00");
  await page.keyboard.press("Enter");
  await expect(status(page)).toContainText("Thank you for 3 tasks");
  await expect(start).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(main(page)).toHaveAttribute("data-phase", "working");
});

test("a link that asks to start by itself does nothing to a person until Start is pressed", async ({
  started: { tokens },
  mesh,
  tabs,
}) => {
  const asPerson = () =>
    Object.defineProperty(Navigator.prototype, "webdriver", { get: () => false });
  const page = await tabs.open(`/contribute?start=1#token=${tokens.contribute}`, asPerson);
  await expect(page.getByRole("button", { name: "Start" })).toBeFocused();
  await expect(status(page)).toContainText("Nothing runs until you press Start.");
  await expect(main(page)).toHaveAttribute("data-phase", "idle");
  expect((await mesh.summary()).workers).toBe(1);
  await page.keyboard.press("Enter");
  await expect(main(page)).toHaveAttribute("data-phase", "working");
});

/** Press Tab as often as it takes, and no more often than a person would. */
async function tabTo(page: Page, name: string): Promise<void> {
  const target = page.getByRole("button", { name });
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`${name} was not reached by 12 times Tab`);
}

test("every control of every page has a name", async ({ started: { tokens }, tabs }) => {
  const pages = [
    { address: `/contribute#token=${tokens.contribute}`, expected: "Graphics processor" },
    { address: `/dashboard#token=${tokens.view}`, expected: "all" },
    { address: `/console#token=${tokens.submit}`, expected: "Driver source" },
    { address: `/diagnose#token=${tokens.contribute}`, expected: "Copy report" },
    { address: "/contribute", expected: "Use this token" },
  ];
  for (const { address, expected } of pages) {
    const page = await tabs.open(address);
    await expect
      .poll(async () => (await controls(page)).map(({ name }) => name))
      .toContain(expected);
    expect((await controls(page)).filter(({ name }) => name.trim() === "")).toEqual([]);
  }
});

test("a bad token is told on each page, and another one can be given", async ({
  started: { tokens },
  tabs,
}) => {
  const page = await tabs.open("/contribute?start=1&name=late#token=nonsense");
  const gate = page.getByRole("alert");
  await expect(gate).toContainText("The mesh does not know this token.");
  await expect(status(page)).toContainText("This did not work");
  await expect(status(page)).toContainText("fresh contribute link");
  await gate.getByLabel("Token").fill(tokens.contribute);
  await page.keyboard.press("Enter");
  await expect(gate).toBeHidden();
  await page.getByRole("button", { name: "Start" }).click();
  await expect(main(page)).toHaveAttribute("data-phase", "working");

  const wrong = await tabs.open(`/contribute?start=1#token=${tokens.view}`);
  await expect(status(wrong)).toContainText("This did not work");
  const dashboard = await tabs.open("/dashboard#token=nonsense");
  await expect(dashboard.getByRole("alert")).toContainText("The mesh does not know this token.");
  const driver = await tabs.open("/console#token=nonsense");
  await runInConsole(driver, `import { connect } from "manta"; await connect();`);
  await expect(output(driver)).toContainText("MeshError UNAUTHENTICATED");
  await expect(driver.getByRole("alert")).toContainText("The mesh does not know this token.");
});

test("a tab and a dashboard say that the coordinator is gone, and what becomes of them", async ({
  browser,
}) => {
  const first = await startMesh({ workers: 0 });
  const context = await browser.newContext();
  const [tab, dashboard] = [await context.newPage(), await context.newPage()];
  await tab.goto(`${first.url}/contribute?start=1#token=${first.tokens.contribute}`);
  await dashboard.goto(`${first.url}/dashboard#token=${first.tokens.view}`);
  await expect(main(tab)).toHaveAttribute("data-phase", "working");
  await expect(dashboard.locator("#freshness")).toHaveText("Live");
  await first.mesh.close();
  await expect(status(tab)).toContainText("The coordinator");
  await expect(dashboard.locator("#freshness")).toContainText("cannot be reached");
  // One that was started anew has new tokens.
  const second = await startMesh({ workers: 0, port: Number(new URL(first.url).port) });
  await expect(status(tab)).toContainText("fresh contribute link", { timeout: 20_000 });
  await expect(tab.getByRole("button", { name: "Start" })).toBeVisible();
  await context.close();
  await second.mesh.close();
});

test("the dashboard shows peers, tasks and paths while they change", async ({
  started: { tokens },
  mesh,
  tabs,
}) => {
  const page = await tabs.open(`/dashboard#token=${tokens.view}`);
  await expect(page.locator("#freshness")).toHaveText("Live");
  const peers = page.getByRole("table", { name: "Peers" });
  await expect(peers.getByRole("row", { name: "node-1" })).toBeVisible();
  await expect(page.locator("#tile-workers")).toHaveText("1");

  await tabs.contribute("watched");
  const row = peers.getByRole("row", { name: "watched" });
  await expect(row).toContainText("browser worker");
  await expect(page.locator("#tile-workers")).toHaveText("2");
  const onTab = { labels: { name: "watched" } };
  const endless = mesh.remote(never, { ...onTab, name: "endless" })();
  const task = page.getByRole("listitem").filter({ hasText: "endless" });
  await expect(task).toContainText("running");
  await expect(task).toContainText("on watched");
  await task.getByRole("button", { name: "Explain" }).click();
  await expect(task).toContainText("is with watched (attempt 1");
  const age = task.locator(".explanation li").first();
  const ageAtFirst = (await age.textContent())!;
  await expect(age, "ages count on").not.toHaveText(ageAtFirst);
  await expect(row.locator('[data-label="Running"]')).toHaveText("1");
  await mesh.cancel(endless);
  await expect(row.locator('[data-label="Running"]')).toHaveText("0");
  const made = mesh.remote(() => new Float32Array(100_000), onTab)();
  const lengthOf = mesh.remote((x: Float32Array) => x.length, {
    labels: { runtime: "node" },
    name: "lengthOf",
  });
  expect(await mesh.get(lengthOf(made))).toBe(100_000);
  await expect(page.getByRole("table", { name: "Objects" })).toContainText("watched");
  await expect(row).toContainText("WebRTC", { timeout: 10_000 });
  const sum = page.getByRole("listitem").filter({ hasText: "lengthOf" });
  await expect(sum).toContainText("done");
  await page.getByRole("radio", { name: "failed" }).check();
  await expect(sum).toHaveCount(0);
  await expect(task).toContainText("cancelled");
});
