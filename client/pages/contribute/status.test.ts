import { expect, test } from "vitest";
import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import { groupNames, statusOf } from "./status.ts";

const snapshot = (changes: Partial<ContributionSnapshot>): ContributionSnapshot => ({
  phase: "working",
  tasksRunning: 0,
  tasksDone: 0,
  tasksFailed: 0,
  actors: 0,
  storedBytes: 0,
  spilledBytes: 0,
  links: [],
  current: [],
  ...changes,
});

test("a tab that has joined says whether it works or waits", () => {
  expect(statusOf(snapshot({}), true).headline).toBe("Working");
  expect(statusOf(snapshot({}), false).headline).toBe("Waiting for work");
});

test("a lost coordinator is told, and that nobody has to do anything", () => {
  const outage = "The coordinator stopped.";
  const { headline, detail } = statusOf(snapshot({ phase: "connecting", outage }), false);
  expect(headline).toBe("Looking for the mesh");
  expect(detail).toBe("The coordinator stopped. This tab tries again until you press Stop.");
});

test("a failure says what failed and what to do next", () => {
  const error = { text: "The token has expired.", next: "Ask for a new contribute URL." };
  expect(statusOf(snapshot({ phase: "failed", error }), false).detail).toBe(
    "The token has expired. Ask for a new contribute URL.",
  );
});

test("who stops is thanked for what was done, and only for that", () => {
  expect(statusOf(snapshot({ phase: "stopped", tasksDone: 1 }), false).detail).toContain("1 task.");
  expect(statusOf(snapshot({ phase: "stopped" }), false).detail).not.toContain("Thank");
});

test("the same function on several executors is named once", () => {
  expect(groupNames(["train", "square", "train"])).toEqual(["train ×2", "square"]);
});
