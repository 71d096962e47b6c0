import { sourceOf, type GroupId, type ObjectId, type TaskId } from "../../shared/ids.ts";
import type { Explanation, Reason, StoryStep } from "../../shared/protocol/explanation.ts";
import { REPLICAS_MAX } from "../../shared/protocol/limits.ts";
import {
  cut,
  EXPLANATION_CHARS_MAX,
  LISTED_MAX,
  STEP_CHARS_MAX,
  STORY_STEPS_MAX,
} from "../../shared/protocol/texts.ts";
import type { ObjectRecord } from "../directory/types.ts";
import { explainTask, type Fetching } from "../scheduler/explain.ts";
import { reasonOfGroup } from "../scheduler/explain-groups.ts";
import { wordsFor } from "../scheduler/explain-words.ts";
import type { Chapter } from "../scheduler/chapter.ts";
import type { TaskRecord } from "../scheduler/types.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { SettledTask } from "./types.ts";

const KEEPERS_TOLD_MAX = 2 * REPLICAS_MAX;
const HOLDERS_TOLD_MAX = 8;

/** What is asked of the control plane to explain something. */
type Plane = Pick<
  ControlPlane,
  "scheduler" | "items" | "directory" | "peers" | "settled" | "submissions" | "nowMs"
>;

type Told = Omit<Explanation, "keepers">;

/** Why an object is not there yet, or what became of it: in words, and as data. */
export function explain(plane: Plane, object: ObjectId | undefined): Explanation {
  const told = object === undefined ? freed("") : tell(plane, object);
  const text = cut(told.text, EXPLANATION_CHARS_MAX);
  const story = told.story
    .slice(-STORY_STEPS_MAX)
    .map(({ agoMs, what }) => ({ agoMs: Math.max(0, agoMs), what: cut(what, STEP_CHARS_MAX) }));
  const record = object && plane.directory.objects.get(object);
  if (!record || record.locations.length === 0) return { ...told, text, story };
  return { ...told, text, story, keepers: keepersOf(plane, record) };
}

function tell(plane: Plane, object: ObjectId): Told {
  const { scheduler, settled, directory } = plane;
  const group = scheduler.placementGroups.get(object as string as GroupId);
  if (group) {
    const reason = reasonOfGroup(scheduler, group);
    const state = reason.code === "placed" ? "done" : "waiting";
    return { text: wordsFor(group.name, reason), state, reason, story: [] };
  }
  const isThere = directory.objects.get(object)?.phase === "sealed";
  // Of an item that is not there, its task tells why.
  const id = isThere ? (object as string as TaskId) : sourceOf(object);
  const task = scheduler.tasks.get(id);
  if (task) return tellOfTask(plane, task);
  const ended = settled.get(id);
  if (ended) return tellOfEnd(plane, ended);
  const record = directory.objects.get(object);
  return record ? tellOfObject(plane, record) : freed(object);
}

function tellOfTask(plane: Plane, task: TaskRecord): Told {
  const { scheduler, nowMs: atMs } = plane;
  const pause = plane.items.pauseOf(task.id);
  if (pause && task.worker) {
    const reason: Reason = { code: "paused", worker: task.worker.name, ...pause };
    const text = wordsFor(`${task.group.name} (${task.id})`, reason);
    return { text, state: "running", reason, task: task.id, story: storyOf(task, atMs) };
  }
  const fetching = fetchingOf(plane, task);
  const isRunning = task.state === "running" || task.state === "alive";
  return {
    ...explainTask(scheduler, task, { atMs, fetching }),
    state: isRunning ? "running" : "waiting",
    task: task.id,
    story: storyOf(task, atMs),
  };
}

/** The stored arguments that the worker of a task does not have yet. */
function fetchingOf({ submissions, directory }: Plane, task: TaskRecord): Fetching | undefined {
  const { worker, state, id } = task;
  if (!worker || state !== "running") return undefined;
  const wanted = [];
  for (const object of submissions.payloads.get(id)?.dependencies ?? []) {
    const record = directory.objects.get(object);
    if (!record || record.inline || record.phase !== "sealed") continue;
    if (!record.locations.includes(worker.id)) wanted.push(record);
  }
  if (wanted.length === 0) return undefined;
  const objects = wanted.slice(0, LISTED_MAX).map((record) => {
    return { object: record.id, sizeBytes: record.sizeBytes };
  });
  return { objects, total: wanted.length };
}

function tellOfEnd({ nowMs }: Plane, ended: SettledTask): Told {
  const { task, name, state: how, worker, attempts, error, settledMs } = ended;
  const reason: Reason = {
    code: "ended",
    how,
    attempts,
    ...(worker === undefined ? {} : { worker }),
    ...(error === undefined ? {} : { error: cut(error, EXPLANATION_CHARS_MAX) }),
  };
  const where = worker === undefined ? "" : ` on ${worker}`;
  const story = [...storyOf(ended, nowMs), { agoMs: nowMs - settledMs, what: `${how}${where}` }];
  return { text: wordsFor(`${name} (${task})`, reason), state: how, reason, task, story };
}

function tellOfObject(plane: Plane, record: ObjectRecord): Told {
  const state = ({ pending: "waiting", sealed: "done", failed: "failed" } as const)[record.phase];
  const reason = reasonOfObject(plane, record);
  const story = [{ agoMs: 0, what: holdersText(plane, record) }];
  return { text: wordsFor(`object ${record.id}`, reason), state, reason, story };
}

function reasonOfObject(plane: Plane, record: ObjectRecord): Reason {
  const { phase, promisedBy, error, sizeBytes, locations, keepers, replicas } = record;
  if (phase === "pending") {
    const by = promisedBy && (plane.peers.get(promisedBy)?.name ?? promisedBy);
    return { code: "promised", ...(by === undefined ? {} : { by }) };
  }
  if (error) {
    const why = cut(error.message, EXPLANATION_CHARS_MAX);
    return { code: "ended", how: "failed", attempts: 0, error: why };
  }
  return {
    code: "there",
    sizeBytes,
    keepers: keepersOf(plane, record),
    copiesWanted: Math.max(replicas, 1),
    copiesCached: locations.length - keepers.length,
  };
}

function freed(object: string): Told {
  const reason = { code: "freed" } as const;
  return { text: wordsFor(`object ${object}`, reason), state: "freed", reason, story: [] };
}

const keepersOf = ({ peers }: Plane, { keepers }: ObjectRecord): string[] =>
  keepers.slice(0, KEEPERS_TOLD_MAX).map((keeper) => peers.get(keeper)?.name ?? keeper);

/** Who has refs to an object: why it is not freed. */
function holdersText({ directory, peers }: Plane, { id, holds }: ObjectRecord): string {
  const holders: string[] = [];
  for (const [peer, objects] of directory.heldBy) {
    if (objects.has(id)) holders.push(peers.get(peer)?.name ?? peer);
  }
  const others = holds - holders.length;
  if (others > 0) holders.push(`${others} unfinished task(s) or other objects`);
  const listed = holders.slice(0, HOLDERS_TOLD_MAX).join(", ");
  const more = holders.length - HOLDERS_TOLD_MAX;
  return `held by ${listed || "nobody"}${more > 0 ? ` and ${more} more` : ""}`;
}

interface Storied {
  readonly submittedMs: number;
  readonly story: readonly Chapter[] | undefined;
  readonly worker?: TaskRecord["worker"] | string;
  readonly launchedMs?: number;
}

/** What it did so far, oldest first. */
function storyOf({ submittedMs, story, worker, launchedMs }: Storied, nowMs: number): StoryStep[] {
  const steps = [{ agoMs: nowMs - submittedMs, what: "submitted" }];
  for (const { atMs, what } of story ?? []) steps.push({ agoMs: nowMs - atMs, what });
  if (typeof worker === "object" && launchedMs !== undefined) {
    steps.push({ agoMs: nowMs - launchedMs, what: `given to ${worker.name}` });
  }
  return steps;
}
