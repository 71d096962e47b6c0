import { MeshError } from "../shared/errors.ts";
import { readArguments, USAGE } from "./arguments.ts";
import { runNodeWorker, type NodeWorker, type NodeWorkerOptions } from "./index.ts";

/**
 * A Node worker as a program. A parent that started it with an IPC channel gets `{ ready: { peer } }`
 * or `{ failed: { code, message } }`, and it ends with its parent.
 */

/** Exit status of a command line that makes no sense. */
const EXIT_USAGE = 2;
/** How long a goodbye may take, with what is handed over to others before. */
const STOP_MS_MAX = 6_000;

const log = (text: string): void => void process.stderr.write(`manta worker: ${text}\n`);

async function main(): Promise<void> {
  if (process.argv.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  let options: NodeWorkerOptions;
  try {
    options = { ...readArguments(process.argv.slice(2), process.env), log };
  } catch (error) {
    log(`${(error as Error).message}; \`manta worker --help\` lists the options`);
    process.exit(EXIT_USAGE);
  }
  let worker: NodeWorker | undefined;
  const stop = () => {
    setTimeout(() => process.exit(0), STOP_MS_MAX).unref();
    void Promise.resolve(worker?.stop()).finally(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  if (process.send) process.on("disconnect", stop);
  try {
    worker = await runNodeWorker(options);
    if (process.send) process.send({ ready: { peer: worker.peer } });
    else log(`${options.name} is in the mesh at ${options.url} as ${worker.peer}; Ctrl-C leaves`);
    if (options.capacity?.cpuMilli === 0) {
      log("it offers no CPUs: only actors, and tasks with { cpus: 0 }, run here");
    }
    const reason = await worker.ended;
    if (reason) throw reason;
    // The coordinator had it leave: nothing is left to stay for.
    stop();
  } catch (error) {
    const { code, message } = MeshError.is(error)
      ? error
      : { code: "INTERNAL", message: (error as Error).stack ?? String(error) };
    log(message);
    process.send?.({ failed: { code, message } });
    process.exit(code === "INVALID_ARGUMENT" ? EXIT_USAGE : 1);
  }
}

await main();
