import { compare } from "../compare.ts";
import type { Stage } from "../stage.ts";
import type { Figure, Row } from "../suite.ts";
import { bareChannel } from "./bare/bare-rate.ts";
import { BareProcess, connectEnds, type ChannelEnd } from "./bare/channel-pair.ts";
import { BarePage } from "./bare/page.ts";
import { expectPath, movesObject } from "./mesh-rate.ts";
import { tabMesh } from "./tab-mesh.ts";

const SIZE_BYTES = 64 * 2 ** 20;
const ROUNDS = 5;

export const tabToTab: Row = {
  name: "tab_to_tab_64MiB",
  measures: "An object of 64 MiB from one Chromium tab to another over WebRTC, from task to task.",
  peer: "a bare RTCDataChannel between two pages of the same Chromium",
  run: (stage) => run(stage, { row: tabToTab.name, from: "tab-1", to: "tab-2" }),
};

export const tabToNode: Row = {
  name: "tab_to_node_64MiB",
  measures: "An object of 64 MiB from a Chromium tab to a Node worker over WebRTC.",
  peer: "a bare RTCDataChannel from a page of the same Chromium to node-datachannel in Node",
  run: (stage) => run(stage, { row: tabToNode.name, from: "tab-1", to: "node-1" }),
};

export const nodeToTab: Row = {
  name: "node_to_tab_64MiB",
  measures: "An object of 64 MiB from a Node worker to a Chromium tab over WebRTC.",
  peer: "a bare data channel from node-datachannel in Node to a page of the same Chromium",
  run: (stage) => run(stage, { row: nodeToTab.name, from: "node-1", to: "tab-1" }),
};

interface Pair {
  readonly row: string;
  readonly from: string;
  readonly to: string;
}

async function* run(stage: Stage, { row, from, to }: Pair): AsyncGenerator<Figure> {
  const { mesh, browser } = await tabMesh(stage);
  const bareEnd = (worker: string): Promise<ChannelEnd> =>
    worker.startsWith("tab") ? BarePage.open(browser) : Promise.resolve(new BareProcess());
  const ends = { from: await bareEnd(from), to: await bareEnd(to) };
  try {
    await connectEnds(ends.from, ends.to);
    const move = { mesh, from, to, sizeBytes: SIZE_BYTES };
    const ours = movesObject(row, move);
    const peers = [bareChannel("bare_channel", { ...ends, sizeBytes: SIZE_BYTES })];
    yield* compare({ ours, peers, unit: "MB/s", rounds: ROUNDS, target: { atLeast: 0.9 } });
    await expectPath(move, "webrtc");
  } finally {
    await Promise.all([ends.from.close(), ends.to.close()]);
  }
}
