import { expect } from "playwright/test";
import { test } from "./support/mesh-test.ts";
import { ones } from "./support/tasks.ts";

const COUNT = 250_000;

test("what only a tab has, and could not be made again, outlives the tab", async ({
  mesh,
  tabs,
}) => {
  const maker = await tabs.contribute("maker");
  await tabs.contribute("second");
  await tabs.contribute("third");
  const labels = { runtime: "browser", name: maker.name };
  using ref = mesh.remote(ones, { labels, retriesMax: 0 })(COUNT);
  await mesh.wait([ref]);

  // The policy prefers a Node worker to the other tabs.
  const keepers = async () => (await mesh.explain(ref)).keepers;
  await expect.poll(keepers).toEqual(["maker", "node-1"]);
  await maker.page.close();
  await expect.poll(keepers).toEqual(["node-1"]);
  expect(await mesh.get(ref)).toEqual(new Float32Array(COUNT).fill(1));
});

test("a tab that is stopped hands over what only it has", async ({ mesh, tabs }) => {
  const maker = await tabs.contribute("maker");
  const labels = { runtime: "browser", name: maker.name };
  // Quick to make again: no copy is made before the tab leaves.
  using ref = mesh.remote(ones, { labels })(COUNT);
  await mesh.wait([ref]);
  await maker.page.getByRole("button", { name: "Stop" }).click();
  await expect.poll(async () => (await mesh.explain(ref)).keepers).toEqual(["node-1"]);
  expect(await mesh.get(ref)).toEqual(new Float32Array(COUNT).fill(1));
});
