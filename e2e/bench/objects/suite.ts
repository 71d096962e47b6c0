import type { Suite } from "../suite.ts";
import { broadcast } from "./broadcast.ts";
import { farTabs } from "./far-tabs.ts";
import { nodeToNode, nodeToNodeWebRtc } from "./node-to-node.ts";
import { sharedMemory } from "./shared-memory.ts";
import { smallValues } from "./small-values.ts";
import { nodeToTab, tabToNode, tabToTab } from "./tabs.ts";

export const objectsSuite: Suite = {
  name: "objects",
  about: "values on their way: between processes and tabs, and inside one worker",
  rows: [
    nodeToNode,
    nodeToNodeWebRtc,
    tabToTab,
    tabToNode,
    nodeToTab,
    farTabs,
    broadcast,
    sharedMemory,
    smallValues,
  ],
};
