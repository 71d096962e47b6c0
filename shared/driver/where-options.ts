import { MeshError } from "../errors.ts";
import type { GroupId } from "../ids.ts";
import { parseSelector } from "../protocol/label-selectors.ts";
import { FALLBACKS_MAX, SELECTOR_CHARS_MAX } from "../protocol/limits.ts";
import type { Define } from "../protocol/messages.ts";

/** As much of it as an option needs. */
type PlacementGroup = { readonly id: string; readonly size: number };

/** What a label must be: `"v"`, `"!v"`, `"in(a,b)"`, `"!in(a,b)"`, or the same without brackets. */
export type LabelWish =
  | string
  | { readonly in: readonly string[] }
  | { readonly notIn: readonly string[] }
  | { readonly not: string };

/** What several labels must be, all of them. */
export type LabelWishes = Readonly<Record<string, LabelWish>>;

/** Where tasks may run, and how one of the workers is chosen. */
export interface WhereOptions {
  /** Run only on workers whose labels are so, such as `{ runtime: "browser" }`. */
  readonly labels?: LabelWishes;
  /** Other labels to be content with, in this order, while no worker that is preferred has room. */
  readonly fallback?: readonly { readonly labels: LabelWishes }[];
  /**
   * `"default"` packs tasks onto workers in use up to half of what they have, then spreads them;
   * `"spread"` gives each to the next worker; an affinity names the worker by its id or name, and
   * a soft one goes elsewhere while that worker has no room, or is not there; a placement group
   * has room of its own, and `bundle` says in which of its bundles, from 0. Default: in any.
   */
  readonly strategy?:
    | "default"
    | "spread"
    | { readonly affinity: string; readonly soft?: boolean }
    | { readonly group: PlacementGroup; readonly bundle?: number };
}

type Where = Pick<Define, "labels" | "fallback" | "strategy">;

/**
 * The same as the wire carries it.
 * @throws MeshError `INVALID_ARGUMENT` naming the option and what is wrong with it.
 */
export function toWhere({ labels, fallback, strategy }: WhereOptions): Where {
  const where: Where = {};
  if (labels !== undefined) where.labels = selectorsOf("labels", labels);
  if (fallback !== undefined) where.fallback = fallbackOf(fallback);
  if (strategy !== undefined && strategy !== "default") where.strategy = strategyOf(strategy);
  return where;
}

function fallbackOf(fallback: unknown): NonNullable<Where["fallback"]> {
  if (!Array.isArray(fallback) || fallback.length > FALLBACKS_MAX) {
    return refuse("fallback", `must be an array of at most ${FALLBACKS_MAX} { labels }`);
  }
  return fallback.map((each: unknown, i) => {
    const option = `fallback[${i}]`;
    if (!isRecord(each) || Object.keys(each).join() !== "labels") {
      return refuse(option, 'must be { labels }, such as { labels: { runtime: "node" } }');
    }
    return selectorsOf(`${option}.labels`, each["labels"]);
  });
}

function strategyOf(strategy: unknown): NonNullable<Where["strategy"]> {
  if (strategy === "spread") return strategy;
  if (isRecord(strategy) && "group" in strategy) return placeOf(strategy);
  const { affinity, soft = false, ...rest } = isRecord(strategy) ? strategy : {};
  const isAffinity = typeof affinity === "string" && affinity.length > 0 && affinity.length <= 64;
  if (!isAffinity || typeof soft !== "boolean" || Object.keys(rest).length > 0) {
    return refuse(
      "strategy",
      'must be "default", "spread", { affinity: worker, soft? } or { group, bundle? }',
    );
  }
  return { worker: affinity, isSoft: soft };
}

function placeOf(strategy: Record<string, unknown>): NonNullable<Where["strategy"]> {
  const { group, bundle, ...rest } = strategy;
  const isGroup = isRecord(group) && typeof group["id"] === "string" && "size" in group;
  if (!isGroup || Object.keys(rest).length > 0) {
    return refuse("strategy", "must be { group, bundle? } with what mesh.placementGroup() gave");
  }
  const id = group["id"] as GroupId;
  if (bundle === undefined) return { group: id };
  const size = Number(group["size"]);
  const isBundle = Number.isInteger(bundle) && Number(bundle) >= 0 && Number(bundle) < size;
  if (!isBundle) {
    refuse("strategy", `bundle must be from 0 to ${size - 1}, not ${JSON.stringify(bundle)}`);
  }
  return { group: id, bundle: Number(bundle) };
}

/** @throws MeshError `INVALID_ARGUMENT` naming the label. */
export function selectorsOf(option: string, wishes: unknown): Record<string, string> {
  if (!isRecord(wishes)) {
    return refuse(option, 'must be an object of texts, such as { runtime: "browser" }');
  }
  const selectors = Object.entries(wishes).map(([name, wish]) => {
    return [name, selectorOf(`${option}.${name}`, wish)] as const;
  });
  return Object.fromEntries(selectors);
}

function selectorOf(option: string, wish: unknown): string {
  const text = typeof wish === "string" ? wish : textOf(option, wish);
  if (text.length > SELECTOR_CHARS_MAX) refuse(option, `is over ${SELECTOR_CHARS_MAX} characters`);
  if (parseSelector(text)) return text;
  return refuse(
    option,
    `is no label selector: ${JSON.stringify(text)}; write "v", "!v", "in(a,b)" or "!in(a,b)"`,
  );
}

function textOf(option: string, wish: unknown): string {
  const [[operator, operand] = [], ...rest] = isRecord(wish) ? Object.entries(wish) : [];
  if (rest.length === 0) {
    if (operator === "not" && typeof operand === "string") return `!${operand}`;
    const isList = Array.isArray(operand) && operand.every((value) => isListable(value));
    if (operator === "in" && isList) return `in(${operand.join(",")})`;
    if (operator === "notIn" && isList) return `!in(${operand.join(",")})`;
  }
  return refuse(
    option,
    'must be a text, { in: [...] }, { notIn: [...] } or { not: "v" }; listed values have no "," or brackets',
  );
}

const isListable = (value: unknown): boolean => typeof value === "string" && !/[(),]/.test(value);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function refuse(option: string, why: string): never {
  throw new MeshError("INVALID_ARGUMENT", `option ${option} ${why}`, { option });
}
