/** One line of a task's story, kept for `explain`. */
export interface Chapter {
  readonly atMs: number;
  readonly what: string;
}
