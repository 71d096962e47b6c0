import { invariant } from "../../shared/errors.ts";
import type { GroupId } from "../../shared/ids.ts";
import {
  parseSelector,
  selects,
  type LabelSelector,
} from "../../shared/protocol/label-selectors.ts";
import type { Strategy } from "../../shared/protocol/placement-messages.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import { fits, noAmounts, type Amounts } from "../../shared/worker/machine/amounts.ts";
import type { WorkerRecord } from "./types.ts";

/** Which workers a task may run on, beside having the resources. */
export interface Choice {
  readonly labels: readonly (readonly [name: string, selector: LabelSelector])[];
  /** Id or name of the only worker. */
  readonly worker: string | undefined;
  /** The placement group, and which of its bundles; otherwise no bundle will do. */
  readonly place: { readonly group: GroupId; readonly bundle?: number } | undefined;
}

/** What a definition says about where its tasks may run. */
export interface Constraints {
  readonly labels: Labels;
  readonly fallback?: readonly Labels[];
  readonly strategy?: Strategy;
}

/**
 * The alternatives in the order of preference: the labels, then each fallback. With an affinity all
 * of them name the worker; a soft one adds all of them without it.
 */
export function choicesOf({ labels, fallback = [], strategy }: Constraints): readonly Choice[] {
  const alternatives = [labels, ...fallback].map(parsed);
  const anywhere = { worker: undefined, place: undefined };
  const free = alternatives.map((each) => ({ ...anywhere, labels: each }));
  if (typeof strategy !== "object") return free;
  if ("group" in strategy) return free.map((each) => ({ ...each, place: strategy }));
  const { worker, isSoft } = strategy;
  const bound = free.map((each) => ({ ...each, worker }));
  return isSoft ? [...bound, ...free] : bound;
}

const parsed = (labels: Labels): Choice["labels"] =>
  Object.entries(labels).map(([name, text]) => {
    const selector = parseSelector(text);
    invariant(selector, `${name}: ${text} is no label selector`);
    return [name, selector];
  });

/** The first choice that the worker answers, or -1: what an idle worker could run. Of one that drains: nothing. */
export function rankOf(
  worker: WorkerRecord,
  { demands, choices }: { readonly demands: Demands; readonly choices: readonly Choice[] },
): number {
  if (worker.isDraining) return -1;
  if (!isInGroup(worker, choices[0]!) || !fits(worker.capacity, NOTHING, demands)) return -1;
  return choices.findIndex((choice) => answers(worker, choice));
}

/** All that this worker lacks to run it when idle, in words. */
export function obstaclesTo(
  worker: WorkerRecord,
  { demands, choices }: { readonly demands: Demands; readonly choices: readonly Choice[] },
): { readonly lacks: string[]; readonly isOnlyLabels: boolean } {
  const lacks = lacksOf(worker, demands);
  const [first] = choices;
  if (!isInGroup(worker, first!)) lacks.push("is another bundle");
  const mismatches = mismatchesOf(worker, first!);
  const isOnlyLabels = lacks.length === 0 && mismatches.length > 0;
  const draining = worker.isDraining ? ["is draining"] : [];
  return { lacks: [...lacks, ...mismatches, ...draining], isOnlyLabels };
}

const NOTHING: Amounts = noAmounts();

/** Bundles are for the tasks of their group, and those run nowhere else. */
const isInGroup = ({ bundle }: WorkerRecord, { place }: Choice): boolean =>
  bundle?.group === place?.group && (place?.bundle === undefined || place.bundle === bundle?.index);

const isNamed = ({ id, name }: WorkerRecord, { worker }: Choice): boolean =>
  worker === undefined || worker === id || worker === name;

const answers = (worker: WorkerRecord, choice: Choice): boolean =>
  isNamed(worker, choice) &&
  choice.labels.every(([name, selector]) => selects(selector, worker.labels[name]));

function lacksOf({ capacity }: WorkerRecord, demands: Demands): string[] {
  const lacks = [];
  if (demands.cpuMilli > capacity.cpuMilli) lacks.push(`has ${capacity.cpuMilli / 1000} cpus`);
  if (demands.gpuMilli > capacity.gpuMilli) lacks.push(`has ${capacity.gpuMilli / 1000} gpus`);
  if (demands.memoryBytes > capacity.memoryBytes) {
    lacks.push(`has ${capacity.memoryBytes} bytes of memory`);
  }
  for (const [name, amount] of Object.entries(demands.custom ?? {})) {
    const offered = capacity.custom?.[name] ?? 0;
    if (amount > offered) lacks.push(`has ${offered / 1000} of ${name}`);
  }
  return lacks;
}

function mismatchesOf(worker: WorkerRecord, choice: Choice): string[] {
  const mismatches = isNamed(worker, choice) ? [] : [`is not ${choice.worker}`];
  for (const [name, selector] of choice.labels) {
    const value = worker.labels[name];
    if (!selects(selector, value)) mismatches.push(`has ${name} = ${value ?? "nothing"}`);
  }
  return mismatches;
}
