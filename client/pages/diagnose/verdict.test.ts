import { expect, test } from "vitest";
import type { CheckRow, Finding } from "./check.ts";
import { reportOf } from "./report.ts";
import { verdictOf } from "./verdict.ts";

const IDS = ["coordinator", "token", "join", "webrtc", "webgpu", "direct", "relay", "cage"];

/** All good, but for what is said. */
const rows = (others: Readonly<Record<string, Finding["tone"]>>): CheckRow[] =>
  IDS.map((id) => {
    const tone = others[id] ?? "good";
    const next = tone === "good" ? {} : { next: `Mend ${id}.` };
    return {
      id,
      title: `Title of ${id}`,
      state: { phase: "done", tookMs: 12, finding: { tone, text: `Text of ${id}.`, ...next } },
    };
  });

test.each([
  [{}, "good", "Everything works", "This tab can join"],
  [{ webgpu: "warn" }, "warn", "It works, with a limitation", "Mend webgpu."],
  [{ direct: "bad" }, "warn", "It works, through the relay", "Mend direct."],
  [{ webrtc: "bad" }, "warn", "It works, through the relay", "Mend webrtc."],
  [{ direct: "bad", relay: "bad" }, "bad", "This tab can join, but no data", "Mend relay."],
  [{ cage: "bad", direct: "bad" }, "bad", "This tab can join, but it cannot run", "Mend cage."],
  [{ join: "bad", cage: "bad" }, "bad", "This tab cannot join the mesh", "Mend join."],
] as const)("%o is %s: %s", (others, tone, headline, detail) => {
  const verdict = verdictOf(rows(others));
  expect(verdict.tone).toBe(tone);
  expect(verdict.headline).toContain(headline);
  expect(verdict.detail).toContain(detail);
});

test("while checks run, the verdict tells how far they are, and which one runs", () => {
  const all = rows({});
  all[6] = { ...all[6]!, state: { phase: "running" } };
  all[7] = { ...all[7]!, state: { phase: "waiting" } };
  expect(verdictOf(all)).toEqual({
    tone: "busy",
    headline: "Checking, 6 of 8 done",
    detail: "Title of relay",
  });
});

test("the report has the verdict, every finding with what to do, and no token", () => {
  const all = rows({ direct: "bad" });
  all[6] = { ...all[6]!, state: { phase: "skipped", text: "Not checked." } };
  const report = reportOf(all, { page: "https://mesh/diagnose", browser: "Chromium 156" });
  expect(report).toContain("It works, through the relay");
  expect(report).toContain("https://mesh/diagnose, Chromium 156");
  expect(report).toContain("[ok]      Title of join (12 ms): Text of join.");
  expect(report).toContain(
    "[FAILED]  Title of direct (12 ms): Text of direct.\n            Mend direct.",
  );
  expect(report).toContain("[skipped] Title of relay: Not checked.");
});
