import { describe, expect, test } from "vitest";
import { parseSelector, selects } from "./label-selectors.ts";

const holds = (selector: string, value: string | undefined): boolean =>
  selects(parseSelector(selector)!, value);

describe("a label selector", () => {
  test("of one value wants exactly that", () => {
    expect(holds("browser", "browser")).toBe(true);
    expect(holds("browser", "Browser")).toBe(false);
    expect(holds("browser", undefined)).toBe(false);
  });

  test("with ! wants anything else, no label as well", () => {
    expect(holds("!browser", "node")).toBe(true);
    expect(holds("!browser", undefined)).toBe(true);
    expect(holds("!browser", "browser")).toBe(false);
  });

  test("in(...) wants one of these, !in(...) none of them", () => {
    expect(holds("in(eu, us)", "us")).toBe(true);
    expect(holds("in(eu,us)", "asia")).toBe(false);
    expect(holds("in(eu,us)", undefined)).toBe(false);
    expect(holds("!in(eu,us)", "asia")).toBe(true);
    expect(holds("!in(eu,us)", "eu")).toBe(false);
    expect(holds("!in(eu,us)", undefined)).toBe(true);
  });

  test("may be a value with brackets and commas, as long as it is no list", () => {
    expect(holds("Intel(R) Xeon, 8 cores", "Intel(R) Xeon, 8 cores")).toBe(true);
    expect(holds("inside", "inside")).toBe(true);
  });

  test.each(["", "!", "!!a", "in()", "in(a", "in(a,)", "in(,a)", "!in()", "in(a))", "in(in(a))"])(
    "is refused if it is malformed: %j",
    (text) => {
      expect(parseSelector(text)).toBeUndefined();
    },
  );
});
