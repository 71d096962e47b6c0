/** A bug, planted by replacing one piece of text, that the simulator must notice. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

const STEP = "coordinator/scheduler/step.ts";
const PLACEMENT = "coordinator/scheduler/placement.ts";
const COPIES = "coordinator/scheduler/copies.ts";
const GROUPS = "coordinator/scheduler/placement-groups.ts";
const DIRECTORY = "coordinator/directory/step.ts";
const CONTROL = "coordinator/control/control-plane.ts";
const SUBMISSIONS = "coordinator/control/submissions.ts";
const REGISTRY = "coordinator/control/actor-registry.ts";
const ITEMS = "coordinator/control/items.ts";

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "silent workers are kept",
    file: STEP,
    text: "if (silentMs <= worker.silenceMsMax) break;",
    by: "break;",
  },
  {
    name: "a leaving worker can still be chosen",
    file: STEP,
    text: "      open.delete(worker);\n      for (const bundle",
    by: "      for (const bundle",
  },
  {
    name: "a draining worker is offered again",
    file: "coordinator/scheduler/choices.ts",
    text: "  if (worker.isDraining) return -1;\n",
    by: "",
  },
  {
    name: "a draining worker keeps its places",
    file: "coordinator/scheduler/drain.ts",
    text: "    for (const shape of state.shapes.values()) withdraw(shape, each);\n",
    by: "",
  },
  {
    name: "a lost attempt keeps its number",
    file: "coordinator/scheduler/retries.ts",
    text: "  task.attempt = nextAttempt(state, task);\n",
    by: "",
  },
  {
    name: "a failed task's dependents are not told",
    file: CONTROL,
    text: `      case "unavailable": {
        const { object, error } = effect;
        return this.#schedule({ type: "object-failed", object, error });
      }`,
    by: `      case "unavailable":
        return;`,
  },
  {
    name: "answers of other workers are accepted",
    file: COPIES,
    text: `if (task?.worker?.id === worker && task.attempt === attempt) {
    return task.state`,
    by: `if (task?.worker) {
    return task.state`,
  },
  {
    name: "what was recalled is not placed again",
    file: STEP,
    text: "if (isRecalled) return makeReady(state, task);",
    by: "if (isRecalled) return;",
  },
  {
    name: "a worker returns what an executor has",
    file: "shared/worker/machine/step.ts",
    text: '      if (order.state === "assigned") continue;\n',
    by: "",
  },
  {
    name: "a copy goes on when its task has ended",
    file: COPIES,
    text: "    vacate(state, other);\n",
    by: "",
  },
  {
    name: "a task of which one of two attempts was lost is retried too",
    file: COPIES,
    text: "  job.tasks.add(copy);\n  return true;",
    by: "  job.tasks.add(copy);\n  return false;",
  },
  {
    name: "work is taken ahead behind an actor",
    file: PLACEMENT,
    text: "    fits(worker.capacity, worker.held, demands) &&\n",
    by: "",
  },
  {
    name: "what was taken ahead never starts",
    file: PLACEMENT,
    text: "  startPrefetched(state, worker);\n  promote(worker);",
    by: "  promote(worker);",
  },
  {
    name: "a worker without room never comes back",
    file: PLACEMENT,
    text: "    pool.open.add(worker);\n  }\n  worker.demotedFrom",
    by: "  }\n  worker.demotedFrom",
  },
  {
    name: "a fallback is never used",
    file: PLACEMENT,
    text: "    if (worker) return nearest(state, wish, pool) ?? worker;",
    by: "    if (worker || pool.feasible === 0) return worker;",
  },
  {
    name: "slow workers stand by for ever",
    file: PLACEMENT,
    text: "return unservedMs < Math.min(STANDBY_MS_MAX, averageMs * speed.published);",
    by: "return unservedMs < Number.POSITIVE_INFINITY;",
  },
  {
    name: "a task that was placed is still near a worker",
    file: "coordinator/scheduler/ready-lines.ts",
    text: "  tasks.delete(task);\n",
    by: "",
  },
  {
    name: "a job that got back what it was charged too much waits as if it had not",
    file: "coordinator/scheduler/charging.ts",
    text: "    if (costUs < task.chargedUs && job.linesReady > 0) refile(job);\n",
    by: "",
  },
  {
    name: "placement groups are placed in part",
    file: "coordinator/scheduler/policy/bundles.ts",
    text: "if (host === undefined) return undefined;\n    fleet",
    by: "if (host === undefined) continue;\n    fleet",
  },
  {
    name: "strictly spread bundles share a worker",
    file: "coordinator/scheduler/policy/bundles.ts",
    text: 'host ?? (strategy === "strictSpread" ? undefined : amongUsed(bundle))',
    by: "host ?? amongUsed(bundle)",
  },
  {
    name: "a removed placement group keeps what it reserved",
    file: GROUPS,
    text: "  change(host.held, bundle.demands, -1);\n",
    by: "",
  },
  {
    name: "lost bundles are not placed again",
    file: GROUPS,
    text: "    state.pendingGroups.add(group);\n    state.isRoomMade",
    by: "    state.isRoomMade",
  },
  {
    name: "nobody makes way for a placement group",
    file: GROUPS,
    text: "    state.isRoomMade = true;\n  }\n  return tasks;",
    by: "  }\n  return tasks;",
  },
  {
    name: "what was to run in a removed placement group waits",
    file: GROUPS,
    text: "  group.placementGroup !== undefined && !placementGroups.has(group.placementGroup);",
    by: "  group.placementGroup !== undefined && placementGroups.size < 0;",
  },
  {
    name: "tasks run outside their placement group",
    file: "coordinator/scheduler/choices.ts",
    text: "bundle?.group === place?.group &&",
    by: "(!bundle || bundle.group === place?.group) &&",
  },
  {
    name: "an answer sent twice frees the value that counts",
    file: "coordinator/control/forget-answer.ts",
    text: "if (!inline && !directory.objects.get(object)?.locations.includes(peer)) {",
    by: "if (!inline) {",
  },
  {
    name: "values that come too late stay where they are",
    file: DIRECTORY,
    text: 'return void effects.push({ type: "free", object, locations: [location] });',
    by: "return;",
  },
  {
    name: "copies of freed objects stay where they are",
    file: DIRECTORY,
    text: 'return void effects.push({ type: "free", object, locations: [peer] });',
    by: "return;",
  },
  {
    name: "refs inside values do not hold",
    file: DIRECTORY,
    text: "for (const inner of record.contained) state.objects.get(inner)!.holds += 1;",
    by: "",
  },
  {
    name: "a freed object keeps what is inside it",
    file: DIRECTORY,
    text: "      innerRecord.holds -= 1;\n      worklist.push(innerRecord);",
    by: "      innerRecord.holds -= 1;",
  },
  {
    name: "unfinished tasks do not hold their arguments",
    file: SUBMISSIONS,
    text: `if (held.length > 0) this.#machines.direct({ type: "task-held", objects: held });`,
    by: "",
  },
  {
    name: "a leaving peer's refs are kept",
    file: DIRECTORY,
    text: "    for (const object of held) letGo(state, object, effects);\n    for (const object of stored) {",
    by: "    for (const object of stored) {",
  },
  {
    name: "a lost object is still said to be there",
    file: DIRECTORY,
    text: "record.inline || record.locations.length > 0) return;\n  record.phase",
    by: "record.inline || record.locations.length >= 0) return;\n  record.phase",
  },
  {
    name: "a peer that has left can hold objects",
    file: "coordinator/control/object-messages.ts",
    text: "const holder = isConnected(owner) ? owner : undefined;",
    by: "const holder = owner;\n  void isConnected;",
  },
  {
    name: "effects are performed again when a port drops a peer",
    file: CONTROL,
    text: "    if (this.#isSettling) return;\n",
    by: "",
  },
  {
    name: "callers are not told that an actor ended",
    file: REGISTRY,
    text: "    this.#tell(actor, record);\n    record.watchers = undefined;",
    by: "    record.watchers = undefined;",
  },
  {
    name: "what is lost is not made again",
    file: CONTROL,
    text: "return this.submissions.remake(effect.object, effect.why);",
    by: "return;",
  },
  {
    name: "freed results keep their lineage",
    file: CONTROL,
    text: "          this.submissions.lineage.freed(effect.object);\n",
    by: "",
  },
  {
    name: "lineage does not hold small arguments",
    file: SUBMISSIONS,
    text: 'if (pinned.length > 0) this.#machines.direct({ type: "task-held", objects: pinned });',
    by: "",
  },
  {
    name: "arguments that were freed are not made again",
    file: "coordinator/control/remake.ts",
    text: "if (!record) worklist.push(argument);",
    by: "if (!record) continue;",
  },
  {
    name: "a task that is made again already is started once more",
    file: SUBMISSIONS,
    text: "if (!this.payloads.has(entry.task)) this.#start",
    by: "this.#start",
  },
  {
    name: "a task runs although its argument is lost",
    file: "coordinator/control/launch.ts",
    text: "  if (missing.length > 0 || tooLarge",
    by: "  if (missing.length > 1_000 || tooLarge",
  },
  {
    name: "a task that was given back keeps its worker busy",
    file: STEP,
    text: "    vacate(state, task);\n    if (goesOn(state, task)) return;\n    task.attempt = ",
    by: "    task.attempt = ",
  },
  {
    name: "a stale place is never corrected",
    file: "coordinator/simulator/virtual-peer.ts",
    text: 'if (!content) this.send({ type: "copy-lost", object });',
    by: "",
  },
  {
    name: "a peer that leaves and stays is kept",
    file: "coordinator/control/replicator.ts",
    text: "if (untilMs <= this.#plane.nowMs) this.#ports.overstayed(peer);",
    by: "",
  },
  {
    name: "an ended job's callables are kept",
    file: CONTROL,
    text: "for (const callable of callables) this.callables.delete(callable);",
    by: "",
  },
  {
    name: "what an actor was made with is forgotten when it lives",
    file: CONTROL,
    text: "if (!mayLiveAgain(this.callables.get(record.group.id))) this.submissions.drop(task);",
    by: "this.submissions.drop(task);",
  },
  {
    name: "a task that rests before its next attempt can not be given up",
    file: "coordinator/scheduler/endings.ts",
    text: 'else if (task.state === "resting") stopResting(state, task);',
    by: "",
  },
  {
    name: "what rests before its next attempt is never woken",
    file: STEP,
    text: "if (state.resting.until.size > 0) wakeRested(state, event.atMs);",
    by: "",
  },
  {
    name: "saved states of actors are kept for ever",
    file: "coordinator/control/saved-states.ts",
    text: 'if (replaced.length > 0) this.#hold("task-released", replaced);',
    by: "",
  },
  {
    name: "an ended actor keeps its saved states",
    file: SUBMISSIONS,
    text: "    this.states.drop(task);\n",
    by: "",
  },
  {
    name: "an item that a stream gives again is told again",
    file: ITEMS,
    text: "const isNext = isStream && index === source.made;",
    by: "const isNext = isStream && index <= source.made;",
  },
  {
    name: "a stream that nobody reads goes on",
    file: ITEMS,
    text: "if (this.sources.get(task)?.maxAhead === undefined) return;",
    by: "return;",
  },
  {
    name: "a stream that runs again begins where it was, although an item is lost",
    file: ITEMS,
    text: "from = Math.min(from, itemNumberOf(object)!.index);",
    by: "continue;",
  },
  {
    name: "the copy of an item that nobody wants stays",
    file: ITEMS,
    text: "      return this.#free(worker, object);",
    by: "      return;",
  },
  {
    name: "what a task was to give and did not is waited for",
    file: ITEMS,
    text: "    for (const [object, state] of source.awaited) {",
    by: "    for (const [object, state] of [] as [ObjectId, string][]) {",
  },
  {
    name: "the worker is not told what was taken",
    file: ITEMS,
    text: "    this.#ports.send(worker.id, wanted, 0);",
    by: "    void wanted;",
  },
];
