import type { Suite } from "../suite.ts";
import { actorCalls } from "./actor-calls.ts";
import { tasksAsync } from "./tasks-async.ts";
import { tasksSync } from "./tasks-sync.ts";

export const coreSuite: Suite = {
  name: "core",
  about: "the cost of the mesh itself: no-op tasks and calls; one driver, one Node worker",
  rows: [tasksAsync, tasksSync, actorCalls],
};
