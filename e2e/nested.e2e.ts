import { expect } from "playwright/test";
import { test } from "./support/mesh-test.ts";

async function fibonacci(n: number): Promise<number> {
  if (n < 2) return n;
  const { connect } = await import("manta");
  const mesh = await connect();
  const again = mesh.remote(fibonacci).options({ labels: { runtime: "browser" } });
  const [a, b] = await mesh.get([again(n - 1), again(n - 2)]);
  return a + b;
}

test("a task in a tab's cage submits tasks, and waits for them", async ({ mesh, tabs }) => {
  await tabs.contribute("nester");
  const inTab = mesh.remote(fibonacci, { labels: { runtime: "browser" } });
  using result = inTab(5);
  expect(await mesh.get(result)).toBe(5);
});
