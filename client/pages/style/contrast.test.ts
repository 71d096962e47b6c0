import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync(new URL("tokens.css", import.meta.url), "utf8");

type Theme = "light" | "dark";

/** `#rrggbb` of a token in a theme. */
function colour(token: string, theme: Theme): string {
  const value = new RegExp(`--${token}: ([^;]+);`).exec(css)?.[1] ?? "";
  const colours = value.match(/#[0-9a-f]{6}/g) ?? [];
  return (theme === "dark" ? colours.at(-1) : colours[0]) ?? `no token --${token}`;
}

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const linear = [1, 3, 5].map((start) => {
    const channel = Number.parseInt(hex.slice(start, start + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

const TEXT_ON: Readonly<Record<string, readonly string[]>> = {
  paper: ["ink", "ink-soft", "accent", "warn", "bad"],
  surface: ["ink", "ink-soft", "accent", "warn", "bad"],
  accent: ["accent-ink"],
  "accent-wash": ["ink", "ink-soft", "accent"],
  "warn-wash": ["ink", "warn"],
  "bad-wash": ["ink", "bad"],
  water: ["water-ink", "water-soft", "water-accent", "water-warn", "water-bad"],
  "water-deep": ["water-ink", "water-soft", "water-accent", "water-warn", "water-bad"],
};

for (const theme of ["light", "dark"] as const) {
  for (const [surface, texts] of Object.entries(TEXT_ON)) {
    test(`in ${theme}, text on ${surface} has a contrast of 4.5 : 1`, () => {
      for (const text of texts) {
        const ratio = contrast(colour(text, theme), colour(surface, theme));
        expect(ratio, `${text} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    });
  }

  test(`in ${theme}, the outline of a field has a contrast of 3 : 1`, () => {
    for (const surface of ["paper", "surface"]) {
      const ratio = contrast(colour("line-strong", theme), colour(surface, theme));
      expect(ratio, surface).toBeGreaterThanOrEqual(3);
    }
  });
}

test("the contrast of black and white is known", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(colour("paper", "light")).not.toBe(colour("paper", "dark"));
});
