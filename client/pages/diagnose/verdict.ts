import type { CheckRow } from "./check.ts";

export interface Verdict {
  readonly tone: "busy" | "good" | "warn" | "bad";
  readonly headline: string;
  readonly detail: string;
}

/** Without these a tab is no part of the mesh. */
const TO_JOIN = ["coordinator", "token", "join"];
/** Without these it is, and can run nothing. */
const TO_WORK = ["cage"];

/** What all the findings mean together, and what to do first. */
export function verdictOf(rows: readonly CheckRow[]): Verdict {
  const running = rows.find(({ state }) => state.phase === "running");
  const open = rows.filter(({ state }) => state.phase === "waiting" || state.phase === "running");
  if (open.length > 0) {
    const done = rows.length - open.length;
    const detail = running ? running.title : "This takes some seconds.";
    return { tone: "busy", headline: `Checking, ${done} of ${rows.length} done`, detail };
  }
  const cannotJoin = firstBad(rows, TO_JOIN);
  if (cannotJoin) {
    return { tone: "bad", headline: "This tab cannot join the mesh", detail: nextStep(cannotJoin) };
  }
  const cannotWork = firstBad(rows, TO_WORK);
  if (cannotWork) {
    const headline = "This tab can join, but it cannot run tasks";
    return { tone: "bad", headline, detail: nextStep(cannotWork) };
  }
  const notDirect = firstBad(rows, ["webrtc", "candidates", "direct"]);
  if (notDirect) {
    if (hasFailed(rows, "relay")) {
      const headline = "This tab can join, but no data reaches it";
      const detail = nextStep(rows.find(({ id }) => id === "relay")!);
      return { tone: "bad", headline, detail };
    }
    return {
      tone: "warn",
      headline: "It works, through the relay",
      detail:
        "No direct connection to a worker could be opened, so data passes the coordinator. That is " +
        `slower and has a quota. ${nextStep(notDirect)}`,
    };
  }
  const trouble = rows.find(({ state }) => state.phase === "done" && state.finding.tone !== "good");
  if (trouble) {
    return { tone: "warn", headline: "It works, with a limitation", detail: nextStep(trouble) };
  }
  return {
    tone: "good",
    headline: "Everything works",
    detail: "This tab can join the mesh, run tasks, and exchange data with others directly.",
  };
}

const firstBad = (rows: readonly CheckRow[], ids: readonly string[]): CheckRow | undefined =>
  rows.find(({ id }) => ids.includes(id) && hasFailed(rows, id));

const hasFailed = (rows: readonly CheckRow[], id: string): boolean => {
  const state = rows.find((row) => row.id === id)?.state;
  return state?.phase === "done" && state.finding.tone === "bad";
};

function nextStep({ title, state }: CheckRow): string {
  if (state.phase !== "done") return title;
  return state.finding.next ?? `${title}: ${state.finding.text}`;
}
