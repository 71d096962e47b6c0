import { expect } from "playwright/test";
import { test } from "./support/mesh-test.ts";

test("a generator in a tab's cage gives its items as they are read, and ends when the reader stops", async ({
  mesh,
  tabs,
}) => {
  await tabs.contribute("maker");
  const parts = mesh.remote(
    function* (n: number) {
      for (let i = 0; i < n; i++) yield i % 2 === 0 ? i : new Uint8Array(100_000).fill(i);
    },
    { labels: { runtime: "browser" }, maxAhead: 2 },
  );
  const seen: number[] = [];
  for await (const part of parts(6).values()) {
    seen.push(typeof part === "number" ? part : part.at(-1)!);
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);

  for await (const ref of parts(1_000_000)) {
    ref.dispose();
    break;
  }
  // The only executor of its kind is free again, and nothing is left of what was not read.
  const pair = parts(2);
  expect(await pair.next()).toMatchObject({ done: false });
  pair.dispose();
});
