import { smallValues } from "../objects/small-values.ts";
import type { Suite } from "../suite.ts";
import { actorCalls } from "./actor-calls.ts";
import { actorsCreated } from "./actors-created.ts";
import { ACTOR_BODIES } from "./ray/actor-bodies.ts";
import { CLIENT_BODIES } from "./ray/client-bodies.ts";
import { NESTED_BODIES } from "./ray/nested-bodies.ts";
import { OBJECT_BODIES } from "./ray/object-bodies.ts";
import { PLACEMENT_BODIES } from "./ray/placement-bodies.ts";
import { rayRow } from "./ray/ray-row.ts";
import { TASK_BODIES } from "./ray/task-bodies.ts";
import { tasksAsync } from "./tasks-async.ts";
import { tasksSync } from "./tasks-sync.ts";

export const coreSuite: Suite = {
  name: "core",
  about:
    "the cost of the mesh itself: no-op tasks and calls, one driver, one Node worker; then Ray's own microbenchmarks by its names, with --vs ray beside Ray",
  rows: [
    tasksAsync,
    tasksSync,
    actorCalls,
    actorsCreated,
    smallValues,
    ...[
      ...OBJECT_BODIES,
      ...TASK_BODIES,
      ...ACTOR_BODIES,
      ...NESTED_BODIES,
      ...PLACEMENT_BODIES,
      ...CLIENT_BODIES,
    ].map(rayRow),
  ],
};
