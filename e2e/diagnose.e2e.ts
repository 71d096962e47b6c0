import { expect, type Page } from "playwright/test";
import { test } from "./support/mesh-test.ts";
import { blockDirectPaths } from "./support/webrtc.ts";

/** The page that a person opens when "it does not connect". */

const IN_TIME = { timeout: 30_000 };
const step = (page: Page, name: string) =>
  page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
const verdict = (page: Page) => page.getByRole("status").first();

/** As text in the page, where a browser without clipboard shows it. */
const noClipboard = () =>
  Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined });

test("a tab that can do everything is told so, by keyboard alone, and the report has no token", async ({
  started: { tokens },
  mesh,
  tabs,
}) => {
  const page = await tabs.open(`/diagnose#token=${tokens.contribute}`, noClipboard);
  await expect(page.getByRole("main")).not.toHaveAttribute("data-tone", "busy", IN_TIME);
  await expect(verdict(page)).toContainText(/Everything works|It works, with a limitation/);
  await expect(step(page, "Direct connection to a worker")).toContainText(
    /over WebRTC\. Round trip/,
  );
  await expect(step(page, "Relay through the coordinator")).toContainText(/upload .*\/s/);
  await expect(step(page, "Cage for tasks is tight")).toContainText("found the network closed");
  // It got no work, and is gone.
  await expect.poll(async () => (await mesh.summary()).workers).toBe(1);

  await page.getByRole("button", { name: "Check again" }).focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const report = await page.locator("pre").innerText();
  expect(report).toContain("[ok]      Direct connection to a worker");
  expect(report).not.toContain(tokens.contribute);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("Checking");
});

test("where no direct path opens, the verdict is the relay and what would help", async ({
  started: { tokens },
  tabs,
}) => {
  const page = await tabs.open(`/diagnose#token=${tokens.submit}`, blockDirectPaths);
  await expect(verdict(page)).toContainText("It works, through the relay", IN_TIME);
  await expect(step(page, "WebRTC within this page")).toContainText("failed");
  await expect(step(page, "Direct connection to a worker")).toContainText("Not checked");
  await expect(step(page, "Relay through the coordinator")).toContainText("ok");
});

test("a tab without a token, or with one that only looks, is told what to open", async ({
  started: { tokens },
  tabs,
}) => {
  const without = await tabs.open("/diagnose");
  await expect(verdict(without)).toContainText("cannot join the mesh", IN_TIME);
  await expect(verdict(without)).toContainText("contribute link");
  const looking = await tabs.open(`/diagnose#token=${tokens.view}`);
  await expect(verdict(looking)).toContainText("cannot join the mesh", IN_TIME);
  await expect(step(looking, "WebSocket to the coordinator")).toContainText("allows to look");
});
