import type { CallableId, JobId, PeerId, TaskId } from "../../../shared/ids.ts";
import { step } from "../../../coordinator/scheduler/step.ts";
import { emptySchedulerState, type SchedulerEvent } from "../../../coordinator/scheduler/types.ts";

type Launched = readonly [worker: PeerId, task: TaskId, attempt: number];
type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

const ONE_CPU = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

/** The scheduler by itself, without network or clock, and a count of the events it was fed. */
export class LoadedScheduler {
  readonly state = emptySchedulerState();
  readonly launched: Launched[] = [];
  events = 0;
  #startedMs = performance.now();

  feed(event: Untimed<SchedulerEvent>): void {
    this.events += 1;
    for (const effect of step(this.state, { ...event, atMs: 1 } as SchedulerEvent)) {
      if (effect.type === "run") this.launched.push([effect.worker, effect.task, effect.attempt]);
    }
  }

  join(worker: PeerId, cpus: number): void {
    const capacity = { ...ONE_CPU, cpuMilli: cpus * 1_000 };
    const about = { name: worker, capacity, labels: {}, silenceMsMax: 16_000 };
    this.feed({ type: "worker-joined", worker, ...about });
  }

  define(id: string): void {
    this.feed({
      type: "class-defined",
      id: id as CallableId,
      job: "d" as JobId,
      name: id,
      isActor: false,
      demands: ONE_CPU,
      labels: {},
      retriesMax: 3,
      priority: 0,
    });
  }

  submit(task: number, definition = "f"): void {
    const id = `d.${task.toString(36)}` as TaskId;
    this.feed({ type: "task-submitted", task: id, class: definition as CallableId, missing: [] });
  }

  /** Each worker tells what it has. */
  beat(workers: readonly PeerId[]): void {
    for (const worker of workers) {
      const { assigned } = this.state.workers.get(worker)!;
      const tasks = [...assigned].map(({ id, attempt }) => [id, attempt] as const);
      this.feed({ type: "heartbeat", worker, tasks });
    }
  }

  /** End everything that was launched, in order, until nothing runs. */
  drain(ranForMs: number): void {
    for (let i = 0; i < this.launched.length; i++) {
      const [worker, task, attempt] = this.launched[i]!;
      this.feed({ type: "task-done", worker, task, attempt, ranForMs });
      if (i % 1_000 === 0) this.feed({ type: "tick" });
    }
  }

  /** Count from here. */
  restart(): void {
    this.events = 0;
    this.#startedMs = performance.now();
  }

  /** Microseconds per event since then. */
  get usPerEvent(): number {
    return ((performance.now() - this.#startedMs) / this.events) * 1_000;
  }
}
