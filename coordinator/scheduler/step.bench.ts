import process from "node:process";
import type { CallableId, JobId, PeerId, TaskId } from "../../shared/ids.ts";
import { step } from "./step.ts";
import { emptySchedulerState, type SchedulerEvent } from "./types.ts";

/**
 * Cost of the scheduler alone: `npx tsx --expose-gc coordinator/scheduler/step.bench.ts`. Three
 * fleets that join, work and beat; a queue of a million tasks; and many classes with ready tasks.
 */
type Launched = readonly [worker: PeerId, task: TaskId, attempt: number];
type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

const ONE_CPU = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

class Bench {
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

  /** End everything that was launched, in order, until nothing runs. */
  drain(ranForMs: number): void {
    for (let i = 0; i < this.launched.length; i++) {
      const [worker, task, attempt] = this.launched[i]!;
      this.feed({ type: "task-done", worker, task, attempt, ranForMs });
      if (i % 1_000 === 0) this.feed({ type: "tick" });
    }
  }

  restart(): void {
    this.events = 0;
    this.#startedMs = performance.now();
  }

  report(what: string): void {
    const ms = performance.now() - this.#startedMs;
    const each = ((ms / this.events) * 1_000).toFixed(2);
    process.stdout.write(`${what}: ${this.events} events, ${each} us each\n`);
    this.restart();
  }
}

for (const workers of [1_000, 10_000, 100_000]) {
  const bench = new Bench();
  bench.define("f");
  const ids = Array.from({ length: workers }, (_, i) => `w${i}` as PeerId);
  bench.restart();
  for (const id of ids) bench.join(id, 2);
  for (let i = 0; i < workers * 3; i++) bench.submit(i);
  for (const worker of ids) {
    const { assigned } = bench.state.workers.get(worker)!;
    const tasks = [...assigned].map(({ id, attempt }) => [id, attempt] as const);
    bench.feed({ type: "heartbeat", worker, tasks });
  }
  bench.drain(1_000);
  bench.report(`${workers} workers, three tasks each`);
}

{
  const tasks = 1_000_000;
  const bench = new Bench();
  bench.define("f");
  const before = heapBytes();
  bench.restart();
  for (let i = 0; i < tasks; i++) bench.submit(i);
  bench.report(`${tasks} tasks queued`);
  const bytes = Math.round((heapBytes() - before) / tasks);
  process.stdout.write(`memory per queued task: ${bytes} bytes\n`);
  bench.restart();
  bench.join("w0" as PeerId, 1);
  bench.drain(0.1);
  bench.report(`${tasks} tasks drained by one worker`);
}

for (const classes of [10, 100, 1_000]) {
  const bench = new Bench();
  for (let i = 0; i < classes; i++) bench.define(`f${i}`);
  for (let i = 0; i < 20_000; i++) bench.submit(i, `f${i % classes}`);
  bench.restart();
  for (let i = 0; i < 100; i++) bench.join(`w${i}` as PeerId, 2);
  bench.drain(1_000);
  bench.report(`${classes} classes with ready tasks, 100 workers`);
}

function heapBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}
