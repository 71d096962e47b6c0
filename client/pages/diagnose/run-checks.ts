import type { Clock } from "../../../shared/clock.ts";
import { reasonOf, withDeadline } from "../../../shared/peer/deadline.ts";
import type { Check, CheckRow, CheckState, Finding } from "./check.ts";

/**
 * One check after the other, so that none disturbs what another measures. Whatever a check throws is
 * its finding, and one that hangs ends at its deadline.
 *
 * @param onChange hears of all checks each time one goes on.
 * @returns how they ended.
 */
export async function runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  { clock, onChange }: { clock: Clock; onChange(rows: readonly CheckRow[]): void },
): Promise<readonly CheckRow[]> {
  const states = new Map<string, CheckState>();
  const rows = () =>
    checks.map(({ id, title }) => ({
      id,
      title,
      state: states.get(id) ?? ({ phase: "waiting" } as const),
    }));
  const enter = (id: string, state: CheckState) => {
    states.set(id, state);
    onChange(rows());
  };
  onChange(rows());
  for (const check of checks) {
    const missing = check.needs?.find((id) => !hasWorked(states.get(id)));
    if (missing !== undefined) {
      const title = checks.find(({ id }) => id === missing)?.title ?? missing;
      enter(check.id, { phase: "skipped", text: `Not checked: it needs “${title}”.` });
      continue;
    }
    enter(check.id, { phase: "running" });
    const startedMs = clock.nowMs();
    const finding = await findingOf(check, context, clock);
    enter(check.id, { phase: "done", finding, tookMs: clock.nowMs() - startedMs });
  }
  return rows();
}

const hasWorked = (state: CheckState | undefined): boolean =>
  state?.phase === "done" && state.finding.tone !== "bad";

async function findingOf<Context>(
  check: Check<Context>,
  context: Context,
  clock: Clock,
): Promise<Finding> {
  const { deadlineMs, title } = check;
  try {
    return await withDeadline(check.run(context), { clock, deadlineMs, what: `“${title}”` });
  } catch (error) {
    const text = reasonOf(error);
    return { tone: "bad", text: `${text.charAt(0).toUpperCase()}${text.slice(1)}` };
  }
}
