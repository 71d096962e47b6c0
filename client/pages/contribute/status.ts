import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import { plural } from "../page/format.ts";

export type Phase = "idle" | ContributionSnapshot["phase"];

export interface Status {
  readonly headline: string;
  readonly detail: string;
}

/** What the tab is doing, in words for the person who lent it. */
export function statusOf(snapshot: ContributionSnapshot | undefined, isBusy: boolean): Status {
  switch (snapshot?.phase) {
    case undefined:
      return { headline: "Ready when you are", detail: "Nothing runs until you press Start." };
    case "measuring":
      return {
        headline: "Preparing this tab",
        detail:
          "Opening the sealed cage, and asking the browser for the graphics processor’s name.",
      };
    case "connecting":
      if (snapshot.outage !== undefined) {
        return {
          headline: "Looking for the mesh",
          detail: `${snapshot.outage} This tab tries again until you press Stop.`,
        };
      }
      return { headline: "Joining the mesh", detail: "Introducing this tab to the coordinator." };
    case "working":
      return isBusy
        ? { headline: "Working", detail: "This tab is computing for the mesh." }
        : {
            headline: "Waiting for work",
            detail: "This tab has joined, and takes the next task that fits it.",
          };
    case "stopping":
      return { headline: "Stopping", detail: "Handing unfinished work back to the mesh." };
    case "stopped":
      return {
        headline: "Stopped",
        detail:
          snapshot.tasksDone > 0
            ? `This tab has left the mesh. Thank you for ${plural(snapshot.tasksDone, "task")}.`
            : "This tab has left the mesh.",
      };
    case "failed":
      return {
        headline: "This did not work",
        detail: snapshot.error
          ? `${snapshot.error.text} ${snapshot.error.next}`
          : "The tab stopped for a reason it could not name. Press Start to try again.",
      };
  }
}

/** `["a", "b", "a"]` is `a ×2, b`: executors often run the same function. */
export function groupNames(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} ×${count}` : name));
}
