import { startMesh, type Mesh } from "manta";
import { loadDigits } from "./digits.ts";
import { peersInTheEnd, resultTable } from "./report.ts";
import { openContributingTab } from "./tab.ts";
import { train } from "./train.ts";

/**
 * The main job: a coordinator, two Node workers and one browser tab train a 784-128-10 perceptron
 * on 8,000 handwritten digits together, and are tested on 2,000 others.
 */
const SEED = 7;
const TRAIN_COUNT = 8_000;
const EPOCHS = 5;
const BATCH = 100;
const LEARNING_RATE = 0.001;
const ACCURACY_MIN = 0.92;

const seconds = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
const isTerminal = process.stdout.isTTY;

const startedMs = performance.now();
console.log("Starting a coordinator and two Node workers ...");
const { mesh, url, tokens } = await startMesh({ workers: 2, name: "quickstart" });
console.log(`  ${url} is up after ${seconds(startedMs)}`);
console.log("Opening a tab that contributes ...");
const tab = await openContributingTab(url, tokens.contribute);
if ("missing" in tab) {
  console.log(`  No browser: ${tab.missing}. Training with Node workers alone.`);
} else {
  console.log(`  ${tab.browser} joined after ${seconds(startedMs)}`);
}
console.log(`  Watch it: ${url}/dashboard#token=${tokens.view}`);

const { train: digits, test } = loadDigits(SEED, TRAIN_COUNT);
console.log(`Training on ${digits.count} digits, testing on ${test.count} ...`);
const trainingMs = performance.now();
let lastPrintedMs = 0;
const accuracy = await train(mesh, {
  train: digits,
  test,
  epochs: EPOCHS,
  batch: BATCH,
  learningRate: LEARNING_RATE,
  seed: SEED,
  concurrency: () => cpusOf(mesh),
  onStep({ epoch, step, steps, loss }) {
    // A terminal gets a line that moves, a log one line now and then.
    const nowMs = performance.now();
    if (nowMs - lastPrintedMs < (isTerminal ? 100 : 5_000)) return;
    lastPrintedMs = nowMs;
    const line = `  epoch ${epoch}/${EPOCHS}  step ${step}/${steps}  loss ${loss.toFixed(3)}  ${seconds(trainingMs)}`;
    process.stdout.write(isTerminal ? `\r${line}   ` : `${line}\n`);
  },
  onEpoch({ epoch, loss, accuracy: reached }) {
    const line = `  epoch ${epoch}/${EPOCHS}  loss ${loss.toFixed(3)}  test accuracy ${reached.toFixed(3)}  ${seconds(trainingMs)}`;
    console.log(isTerminal ? `\r${line}          ` : line);
  },
});

const peers = await peersInTheEnd(mesh);
console.log(`\n${resultTable(peers)}`);
console.log(`\nTest accuracy ${accuracy.toFixed(3)} after ${seconds(startedMs)} in all.`);

if (!("missing" in tab)) await tab.close();
await mesh.close();
if (accuracy < ACCURACY_MIN) {
  console.error(`The accuracy should have reached ${ACCURACY_MIN}.`);
  process.exitCode = 1;
}

/** CPUs of all workers now: a tab that joined counts, one that left does not. */
async function cpusOf(of: Mesh): Promise<number> {
  const milli = (await of.peers()).map(({ capacity }) => capacity?.cpuMilli ?? 0);
  return Math.max(1, Math.floor(milli.reduce((sum, one) => sum + one, 0) / 1000));
}
