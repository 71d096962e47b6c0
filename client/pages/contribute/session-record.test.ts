import { expect, test } from "vitest";
import type { PeerId } from "../../../shared/ids.ts";
import type { LinkCounters } from "../../../shared/protocol/messages.ts";
import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import { SessionRecord } from "./session-record.ts";

const snapshot = (changes: Partial<ContributionSnapshot> = {}): ContributionSnapshot => ({
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

const link = (peer: string, sentBytes: number, receivedBytes: number): LinkCounters => ({
  peer: peer as PeerId,
  path: "webrtc",
  sentBytes,
  receivedBytes,
});

test("only the time in the mesh counts as contributed", () => {
  const record = new SessionRecord();
  record.note(snapshot({ phase: "measuring" }), 0);
  record.note(snapshot(), 1_000);
  record.note(snapshot(), 4_000);
  expect(record.contributedMs(5_000)).toBe(4_000);
  record.note(snapshot({ phase: "stopped" }), 6_000);
  expect(record.contributedMs(60_000)).toBe(5_000);
});

test("bytes of a peer that left, and of a link that was opened again, stay counted", () => {
  const record = new SessionRecord();
  record.note(snapshot({ links: [link("a", 100, 1), link("b", 10, 2)] }), 0);
  record.note(snapshot({ links: [link("a", 150, 1)] }), 1);
  record.note(snapshot({ links: [link("a", 5, 3)] }), 2);
  expect(record.sentBytes).toBe(150 + 10 + 5);
  expect(record.receivedBytes).toBe(1 + 2 + 3);
});

test("a gap between two tasks is work, a long one is not", () => {
  const record = new SessionRecord();
  record.note(snapshot({ tasksRunning: 1 }), 0);
  record.note(snapshot({ tasksDone: 1 }), 100);
  expect(record.isBusy(1_000)).toBe(true);
  record.note(snapshot({ tasksDone: 1 }), 2_000);
  expect(record.isBusy(2_000)).toBe(false);
});

test("tasks too short to be seen running still count as work", () => {
  const record = new SessionRecord();
  record.note(snapshot({ tasksDone: 50 }), 0);
  expect(record.isBusy(0)).toBe(true);
});

test("the rate is per second, however late the sample comes", () => {
  const record = new SessionRecord();
  record.sample(0);
  record.note(snapshot({ tasksDone: 30, tasksFailed: 10 }), 500);
  record.sample(2_000);
  record.sample(2_000);
  expect(record.rates.samples).toEqual([20]);
});
