import { invariant } from "../../shared/errors.ts";
import type { GroupId } from "../../shared/ids.ts";
import {
  parseSelector,
  selects,
  type LabelSelector,
} from "../../shared/protocol/label-selectors.ts";
import type { Strategy } from "../../shared/protocol/placement-messages.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
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

/** The first choice that the worker answers, or -1: what an idle worker could run. */
export function rankOf(
  worker: WorkerRecord,
  { demands, choices }: { readonly demands: Demands; readonly choices: readonly Choice[] },
): number {
  if (!isInGroup(worker, choices[0]!) || lackOf(worker, demands)) return -1;
  return choices.findIndex((choice) => !mismatchOf(worker, choice));
}

/** Why this worker could not run it even when idle, in words. */
export const obstacleTo = (
  worker: WorkerRecord,
  { demands, choices }: { readonly demands: Demands; readonly choices: readonly Choice[] },
): string | undefined => {
  if (rankOf(worker, { demands, choices }) >= 0) return undefined;
  return lackOf(worker, demands) ?? mismatchOf(worker, choices[0]!);
};

/** Bundles are for the tasks of their group, and those run nowhere else. */
const isInGroup = ({ bundle }: WorkerRecord, { place }: Choice): boolean =>
  bundle?.group === place?.group && (place?.bundle === undefined || place.bundle === bundle?.index);

function lackOf({ capacity }: WorkerRecord, demands: Demands): string | undefined {
  if (demands.cpuMilli > capacity.cpuMilli) return `has ${capacity.cpuMilli / 1000} cpus`;
  if (demands.gpuMilli > capacity.gpuMilli) return `has ${capacity.gpuMilli / 1000} gpus`;
  if (demands.memoryBytes > capacity.memoryBytes) {
    return `has ${capacity.memoryBytes} bytes of memory`;
  }
  for (const [name, amount] of Object.entries(demands.custom ?? {})) {
    const offered = capacity.custom?.[name] ?? 0;
    if (amount > offered) return `has ${offered / 1000} of ${name}`;
  }
  return undefined;
}

function mismatchOf(worker: WorkerRecord, choice: Choice): string | undefined {
  if (choice.worker !== undefined && choice.worker !== worker.id && choice.worker !== worker.name) {
    return `is not ${choice.worker}`;
  }
  for (const [name, selector] of choice.labels) {
    const value = worker.labels[name];
    if (!selects(selector, value)) return `has ${name} = ${value ?? "nothing"}`;
  }
  return undefined;
}
