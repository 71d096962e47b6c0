import { MeshError } from "../../shared/errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a duration as people write it: `500ms`, `30s`, `1.5m`, `2h`.
 * @throws MeshError `INVALID_ARGUMENT`; a number without a unit could mean anything.
 */
export function milliseconds(text: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * UNIT_MS[unit]!;
  const message = `${JSON.stringify(text)} is no duration; write 500ms, 30s, 5m or 2h`;
  throw new MeshError("INVALID_ARGUMENT", message);
}
