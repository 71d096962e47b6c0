import type { MeshSummary } from "../../../shared/protocol/messages.ts";
import { History } from "../page/sparkline.ts";

/** Two minutes, at one sample a second. */
const SAMPLES_MAX = 120;

/** Finished tasks a second, from the mesh's running totals. */
export class Throughput {
  readonly history = new History(SAMPLES_MAX);
  #last: { readonly atMs: number; readonly finished: number } | undefined;

  note(mesh: MeshSummary, atMs: number): void {
    const finished = mesh.tasksDone + mesh.tasksFailed;
    const last = this.#last;
    this.#last = { atMs, finished };
    if (!last || atMs <= last.atMs) return;
    // Totals that went back are those of a coordinator that was started again: begin anew.
    if (finished < last.finished) this.history.clear();
    else this.history.add(((finished - last.finished) * 1_000) / (atMs - last.atMs));
  }

  get latest(): number {
    return this.history.samples.at(-1) ?? 0;
  }
}
