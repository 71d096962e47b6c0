import { expect, test } from "vitest";
import { resultTable, type PeerRow } from "./report.ts";

const peers: readonly PeerRow[] = [
  { role: "driver", name: "me", runtime: "node", tasksDone: 0, links: [] },
  {
    role: "worker",
    name: "node-1",
    runtime: "node",
    tasksDone: 30,
    links: [
      { path: "websocket", receivedBytes: 4_000_000 },
      { path: "webrtc", receivedBytes: 1_500_000 },
    ],
  },
  {
    role: "worker",
    name: "tab",
    runtime: "browser",
    tasksDone: 12,
    links: [{ path: "webrtc", receivedBytes: 2_000_000 }],
  },
];

test("the table adds up tasks, and what each received by each path", () => {
  expect(resultTable(peers).split("\n").slice(2)).toEqual([
    "peer     role     runtime   tasks   websocket MB   webrtc MB   relay MB",
    "-----------------------------------------------------------------------",
    "me       driver   node          -              -           -          -",
    "node-1   worker   node         30            4.0         1.5          -",
    "tab      worker   browser      12              -         2.0          -",
    "-----------------------------------------------------------------------",
    "all                            42            4.0         3.5          -",
  ]);
});
