import { MeshError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";

/** What a value must be, in words, if it is not that: "must be ...". */
export type OptionCheck = (value: unknown) => string | undefined;

/** One check for every option there is: a misspelt option must not be ignored. */
export type OptionChecks<Options> = { readonly [Name in keyof Options]-?: OptionCheck };

/**
 * Check the options that somebody gave. Those that are `undefined` count as not given.
 *
 * @param of what they are options of, for people, such as `connect()`.
 * @throws MeshError `INVALID_ARGUMENT` naming the option. It quotes no text: that may be a secret.
 */
export function checkOptions<Options>(
  of: string,
  options: unknown,
  checks: OptionChecks<Options>,
): asserts options is Options {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const message = `the options of ${of} must be an object such as { ${Object.keys(checks)[0]} }, not ${shown(options)}`;
    throw new MeshError("INVALID_ARGUMENT", message);
  }
  expectKnownOptions(of, options, Object.keys(checks));
  for (const [option, check] of Object.entries<OptionCheck>(checks)) {
    const value = (options as Record<string, unknown>)[option];
    const complaint = value === undefined ? undefined : check(value);
    if (complaint === undefined) continue;
    const message = `option ${option} of ${of} ${complaint}, not ${shown(value)}`;
    throw new MeshError("INVALID_ARGUMENT", message, { option });
  }
}

/** @throws MeshError `INVALID_ARGUMENT` naming the first option that is unknown, and what is meant. */
export function expectKnownOptions(of: string, options: object, known: readonly string[]): void {
  const option = Object.keys(options).find((key) => !known.includes(key));
  if (option === undefined) return;
  const meant = nearestName(option, known);
  const guess = meant === undefined ? "" : ` Did you mean ${meant}?`;
  const message = `${of} has no option ${option}.${guess} Its options are ${known.join(", ")}`;
  throw new MeshError("INVALID_ARGUMENT", message, { option });
}

export const aText = (charsMax = 1_024): OptionCheck => {
  const isRight = (value: unknown) => typeof value === "string" && value.length <= charsMax;
  return (value) => (isRight(value) ? undefined : `must be a text of at most ${charsMax} letters`);
};

export const aSwitch: OptionCheck = (value) =>
  typeof value === "boolean" ? undefined : "must be true or false";

export const aWholeNumber =
  (min: number, max: number, what = "a whole number"): OptionCheck =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `must be ${what} from ${min} to ${max}`;

export const aNumber =
  (min: number, max: number, what = "a number"): OptionCheck =>
  (value) =>
    typeof value === "number" && value >= min && value <= max
      ? undefined
      : `must be ${what} from ${min} to ${max}`;

export const amounts: OptionCheck = (value) =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((amount) => typeof amount === "number" && amount >= 0)
    ? undefined
    : "must be an object of amounts such as { licence: 1 }";

export const listOfTexts: OptionCheck = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === "string")
    ? undefined
    : "must be an array of texts";

/** What was given instead, without a text's letters: they may be a token. */
export function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean" || value == null) return `${value}`;
  if (typeof value === "string") return value === "" ? "an empty text" : "a text";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
