import type { Obstacles, Reason } from "../../shared/protocol/explanation.ts";
import { listed } from "./describe.ts";

/** The reason as one sentence for a person. `name` is what was asked about. */
export function wordsFor(name: string, reason: Reason): string {
  switch (reason.code) {
    case "waits-for-objects": {
      const objects = reason.objects.map(({ object, madeBy }) =>
        madeBy ? `${object} made by ${madeBy.name} (${madeBy.state})` : object,
      );
      return `${name} waits for ${listed(objects, reason.total)}`;
    }
    case "placement-group":
      return `${name} waits for its placement group: ${groupWords(reason)}`;
    case "no-worker":
    case "no-worker-matches":
    case "label-mismatch":
    case "worker-draining":
      return `${name}: ${stuckWords(reason)}`;
    case "all-busy":
      return busyWords(name, reason);
    case "quota":
      return `${name} is ready, but its job has all that the quota of this mesh allows one job at once (${reason.allowed}): it goes on when one of the job's tasks ends`;
    case "prefetched":
      return `${name} was given ahead to ${reason.worker}, which starts it after ${
        reason.before
      } other task(s) that wait there, in about ${inTime(reason.expectedMs)}${
        reason.isRecalled ? "; it was asked to return it, because another worker is idle" : ""
      }`;
    case "fetching-arguments": {
      const objects = reason.objects.map((each) => `${each.object} (${each.sizeBytes} bytes)`);
      return `${name} is with ${reason.worker}, which fetches its arguments: ${listed(objects, reason.total)}`;
    }
    case "running":
      return runningWords(name, reason);
    case "paused":
      return `${name} is with ${reason.worker} and is paused: its reader has taken ${reason.taken} of the ${reason.made} items that it has made, and it may be ${reason.made - reason.taken} ahead (maxAhead)`;
    case "waits-for-nested":
      return `${name} runs on ${reason.worker} and waits for objects that are not made yet, such as results of tasks that it submitted; its CPUs serve others meanwhile`;
    case "resting":
      return `${name} is tried again in ${reason.waitMs} ms, after longer pauses each time: ${reason.last}`;
    case "actor-lives":
      return `actor ${name} lives on ${reason.worker}${restartWords(reason)}`;
    default:
      return otherWords(name, reason);
  }
}

type Of<Code extends Reason["code"]> = Extract<Reason, { code: Code }>;

/** Why no worker could run it, and what would help. */
export function stuckWords(
  reason: Of<"no-worker" | "worker-draining"> | Of<"no-worker-matches" | "label-mismatch">,
): string {
  if (reason.code === "no-worker") {
    return `no worker is connected, and it needs ${reason.wanted}; open the contribute page or start one with: manta worker`;
  }
  if (reason.code === "worker-draining") {
    return `only workers that are draining could run it (${listed(reason.draining, reason.total)}), and they take no new work; it needs ${reason.wanted}: connect another worker that has it`;
  }
  const lacks = reason.nearest.map(
    ({ worker, lacks: all }: Obstacles) => `${worker} ${all.join(" and ")}`,
  );
  return `no worker can run it: it needs ${reason.wanted}, but ${listed(lacks, reason.workers)}; ask for less or connect a worker that has it`;
}

function busyWords(name: string, reason: Of<"all-busy">): string {
  const { workers, queued, before, averageMs, expectedMs, standingBy } = reason;
  const place = before === undefined ? "" : `, ${before} of them before it`;
  const slow = standingBy > 0 ? ` or too slow to help (${standingBy})` : "";
  const takes =
    averageMs === undefined
      ? "a task of its kind has not ended yet"
      : `a task of its kind runs ${averageMs.toFixed(1)} ms on average`;
  const when = expectedMs === undefined ? "" : `; it should start in about ${inTime(expectedMs)}`;
  return `${name} is ready; the ${workers} worker(s) that can run it are busy${slow}, ${queued} task(s) of its kind wait${place}, and ${takes}${when}`;
}

function runningWords(name: string, reason: Of<"running">): string {
  const { worker, attempt, attemptsMax, sinceMs, heardMs, averageMs } = reason;
  const most = attemptsMax === undefined ? "" : ` of at most ${attemptsMax}`;
  const copy =
    reason.copyOn === undefined ? "" : `; it is late, so a copy of it is with ${reason.copyOn}`;
  const usual = averageMs === undefined ? "" : `, where its kind takes ${averageMs.toFixed(1)} ms`;
  const since = `for ${inTime(sinceMs)}, heard of ${Math.round(heardMs)} ms ago`;
  return `${name} is with ${worker} (attempt ${attempt}${most}) ${since}${usual}${copy}`;
}

/** How many restarts of an actor are used: nothing if it cannot be restarted. */
function restartWords({ restarts, restartsMax }: Of<"actor-lives">): string {
  if (restartsMax === 0) return "";
  return `, restarted ${restarts} of ${restartsMax ?? "any number"} times`;
}

function otherWords(
  name: string,
  reason: Of<"ended" | "placed" | "promised" | "there" | "freed" | "call-unanswered">,
): string {
  switch (reason.code) {
    case "ended": {
      const where = reason.worker === undefined ? "" : ` on ${reason.worker}`;
      const how = reason.how === "failed" ? "failed" : `is ${reason.how}`;
      return `${name} ${how}${where}${reason.error === undefined ? "" : `: ${reason.error}`}`;
    }
    case "placed":
      return groupWords(reason);
    case "promised":
      return `${name} is promised by ${reason.by ?? "a task"} and not made yet`;
    case "there":
      return `${name} is there (${reason.sizeBytes} bytes${copiesWords(reason)})`;
    case "freed":
      return `${name} is not known: freed, or never made`;
    case "call-unanswered":
      return `${name} was called and has not answered; calls of one caller start in order`;
  }
}

function copiesWords({ keepers, copiesWanted, copiesCached }: Of<"there">): string {
  if (keepers.length + copiesCached === 0) return "";
  const cached = copiesCached > 0 ? `, and ${copiesCached} more have a copy for now` : "";
  return `, ${keepers.length} of ${copiesWanted} copies kept by ${keepers.join(", ")}${cached}`;
}

/** Where a placement group stands. */
export function groupWords(reason: Of<"placement-group" | "placed">): string {
  const name = `placement group ${reason.name} (${reason.group})`;
  if (reason.code === "placed") {
    return `${name} has its places: ${listed(reason.workers, reason.total)}`;
  }
  const { waiting, waitingTotal, isHopeless, wasPlaced, strategy, workers } = reason;
  const wishes = waiting.map(
    (each) => `bundle ${each.bundle} (${each.wanted}; ${each.workers} worker(s) could hold it)`,
  );
  const waits = wasPlaced ? "lost workers, and waits for other places for" : "waits for places for";
  const why = isHopeless
    ? `the mesh could not hold ${strategy} even when idle (${workers} worker(s) are connected): ask for less, or connect workers`
    : "it will be placed when enough is free at one time";
  return `${name} ${waits} ${listed(wishes, waitingTotal)}: ${why}`;
}

const inTime = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
