import type { Demands } from "../../shared/protocol/schema.ts";
import { LISTED_MAX } from "../../shared/protocol/texts.ts";
import type { Choice } from "./choices.ts";
import type { Shape } from "./types.ts";

/** What a task of this shape needs, in words. */
export function describeWish({ demands, choices }: Shape): string {
  const [first, ...others] = choices.map(describeChoice);
  const wanted = [...describeDemands(demands), ...first!].join(", ") || "nothing in particular";
  const instead = others.slice(0, LISTED_MAX).map((words) => words.join(", ") || "any worker");
  return [wanted, ...instead].join(", or else ");
}

function describeDemands(demands: Demands): string[] {
  const parts = [];
  if (demands.cpuMilli > 0) parts.push(`${demands.cpuMilli / 1000} cpus`);
  if (demands.gpuMilli > 0) parts.push(`${demands.gpuMilli / 1000} gpus`);
  if (demands.memoryBytes > 0) parts.push(`${demands.memoryBytes} bytes of memory`);
  for (const [name, amount] of Object.entries(demands.custom ?? {})) {
    parts.push(`${amount / 1000} of ${name}`);
  }
  return parts;
}

function describeChoice({ labels, worker, place }: Choice): string[] {
  const parts = labels.map(([name, { isNegated, values }]) => {
    const [only] = values;
    if (values.length === 1) return `${name} ${isNegated ? "!=" : "="} ${only}`;
    return `${name} ${isNegated ? "not in" : "in"} (${values.join(", ")})`;
  });
  if (worker !== undefined) parts.unshift(`the worker ${worker}`);
  if (place) parts.unshift(`${bundleText(place)} of placement group ${place.group}`);
  return parts;
}

const bundleText = ({ bundle }: NonNullable<Choice["place"]>): string =>
  bundle === undefined ? "a bundle" : `bundle ${bundle}`;

/** Some of so many, in words. */
export function listed(items: readonly string[], total: number): string {
  const more = total - Math.min(items.length, LISTED_MAX);
  return items.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
