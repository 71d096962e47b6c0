import { expect } from "playwright/test";
import { test } from "./support/mesh-test.ts";

class Counter {
  count = 0;

  add(k: number): number {
    return (this.count += k);
  }

  checkpoint(): number {
    return this.count;
  }

  restore(count: number): void {
    this.count = count;
  }
}

test("an actor moves out of a tab that is stopped, with its state", async ({ mesh, tabs }) => {
  const home = await tabs.contribute("home");
  const strategy = { affinity: home.name, soft: true };
  const counter = mesh.actor(Counter).options({ strategy }).create();
  expect(await mesh.get(counter.add(41))).toBe(41);
  const whereabouts = async () => (await mesh.listActors())[0];
  expect(await whereabouts()).toMatchObject({ worker: "home", state: "alive" });

  await home.page.getByRole("button", { name: "Stop" }).click();
  const moved = { worker: "node-1", state: "alive", restarts: 0 };
  await expect.poll(whereabouts, { intervals: [50] }).toMatchObject(moved);
  expect(await mesh.get(counter.add(1))).toBe(42);
});
