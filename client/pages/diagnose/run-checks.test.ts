import { expect, test } from "vitest";
import { systemClock } from "../../../shared/clock.ts";
import { ManualClock, quiet } from "../../../shared/peer/test-mesh.ts";
import type { Check, CheckRow, Finding } from "./check.ts";
import { runChecks } from "./run-checks.ts";

const check = (
  id: string,
  run: () => Promise<Finding>,
  needs: string[] = [],
): Check<undefined> => ({
  id,
  title: `Title of ${id}`,
  needs,
  deadlineMs: 1_000,
  run,
});
const good = (): Promise<Finding> => Promise.resolve({ tone: "good", text: "It works." });
const bad = (): Promise<Finding> => Promise.reject(new Error("no such host"));

test("checks run one after the other, and what a check throws is its finding", async () => {
  const seen: string[] = [];
  const rows = await runChecks([check("a", good), check("b", bad), check("c", good)], undefined, {
    clock: systemClock,
    onChange: (now) => seen.push(now.map(({ state }) => state.phase).join(" ")),
  });
  expect(seen).toEqual([
    "waiting waiting waiting",
    "running waiting waiting",
    "done waiting waiting",
    "done running waiting",
    "done done waiting",
    "done done running",
    "done done done",
  ]);
  expect(rows[1]!.state).toMatchObject({ finding: { tone: "bad", text: "No such host" } });
});

test("a check whose condition failed or was skipped itself is skipped, and names it", async () => {
  const checks = [check("a", bad), check("b", good, ["a"]), check("c", good, ["b"])];
  const rows = await runChecks(checks, undefined, { clock: systemClock, onChange: () => {} });
  expect(rows.map(({ state }) => state)).toMatchObject([
    { phase: "done" },
    { phase: "skipped", text: "Not checked: it needs “Title of a”." },
    { phase: "skipped", text: "Not checked: it needs “Title of b”." },
  ]);
});

test("a check that hangs ends at its deadline, and the next one runs", async () => {
  const clock = new ManualClock();
  const hang = check("hang", () => new Promise(() => {}));
  const running = runChecks([hang, check("next", good)], undefined, { clock, onChange: () => {} });
  await quiet();
  clock.advance(1_000);
  const rows: readonly CheckRow[] = await running;
  expect(rows[0]!.state).toMatchObject({
    finding: { tone: "bad", text: "“Title of hang” took longer than 1000 ms" },
  });
  expect(rows[1]!.state).toMatchObject({ finding: { tone: "good" } });
});
