/** What one check found. The text is a sentence for a person; `next` is what that person can do. */
export interface Finding {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
  readonly next?: string;
}

export interface Check<Context> {
  readonly id: string;
  readonly title: string;
  /** Checks without whose success this one would say nothing. */
  readonly needs?: readonly string[];
  readonly deadlineMs: number;
  run(context: Context): Promise<Finding>;
}

export type CheckState =
  | { readonly phase: "waiting" | "running" }
  | { readonly phase: "done"; readonly finding: Finding; readonly tookMs: number }
  | { readonly phase: "skipped"; readonly text: string };

/** A check with how it stands. */
export interface CheckRow {
  readonly id: string;
  readonly title: string;
  readonly state: CheckState;
}
