import { drawScenario } from "./scenario.ts";
import { drawFleet, Fleet } from "./fleet.ts";
import { simulate } from "./simulator.ts";
import { parseArgs } from "node:util";
import process from "node:process";

/**
 * `npm run sim -- --seeds 5000 [--first 1]` looks for a seed that breaks the coordinator;
 * `SEED=123 npm run sim -- --trace` replays one and prints every event and message.
 * `npm run sim -- --workers 100000 --tasks 1000000` runs the scheduler alone with a large, uneven fleet.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    first: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    workers: { type: "string" },
    tasks: { type: "string", default: "1000000" },
  },
});
if (values.workers) runFleet(Number(values.workers), Number(values.tasks));
else runSeeds();

/** How fast the scheduler decides, and how good that is. */
function runFleet(workers: number, tasks: number): void {
  const plan = drawFleet(workers, tasks, Number(values.first));
  for (const withLocality of [true, false]) {
    const result = new Fleet({ ...plan, withLocality }).run();
    const { events, decisions, schedulerMs, makespanMs, bytesMoved } = result;
    print(`${workers} workers, ${tasks} tasks, ${withLocality ? "with" : "without"} locality:`);
    print(`  ${Math.round((decisions / schedulerMs) * 1_000)} decisions a second`);
    print(`  ${((schedulerMs / events) * 1_000).toFixed(2)} us an event, ${events} events`);
    const [known, blind] = [result.lowerBoundMs, result.blindBoundMs].map((boundMs) => {
      return `${(makespanMs / boundMs).toFixed(2)} of ${(boundMs / 1_000).toFixed(1)} s`;
    });
    print(
      `  makespan ${(makespanMs / 1_000).toFixed(1)} s: ${known}, the lower bound if all speeds were`,
    );
    print(`    known before; ${blind}, the longest task on the slowest worker`);
    print(`  fairness between jobs (Jain): ${result.fairness.toFixed(3)}`);
    print(`  bytes moved: ${(bytesMoved / 2 ** 30).toFixed(1)} GiB`);
  }
}

function runSeeds(): void {
  const replayed = process.env["SEED"];
  const first = Number(replayed ?? values.first);
  const count = replayed ? 1 : Number(values.seeds);
  const startedMs = performance.now();
  let events = 0;
  let failed = 0;

  for (let seed = first; seed < first + count; seed++) {
    try {
      const result = simulate(drawScenario(seed), values.trace ? print : undefined);
      events += result.events;
      if (replayed) print(JSON.stringify(result));
    } catch (error) {
      failed += 1;
      print(`seed ${seed}: ${replayed ? (error as Error).stack : (error as Error).message}`);
      if (replayed && (error as Error).cause) {
        print(String(((error as Error).cause as Error).stack));
      } else if ((error as Error).cause) {
        print(`  ${((error as Error).cause as Error).message}`);
      }
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const rate = `${(count / seconds).toFixed(1)} seeds/s, ${Math.round(events / seconds)} events/s`;
  print(`${count} seeds, ${failed} failed, ${seconds.toFixed(1)} s: ${rate}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
