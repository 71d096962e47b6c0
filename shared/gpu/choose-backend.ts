import type * as Tf from "@tensorflow/tfjs";
import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";

export type Tensorflow = typeof Tf;
export type TensorBackendName = "webgpu" | "wasm" | "cpu";

export interface BackendCandidate {
  readonly name: TensorBackendName;
  /** Median time of one training step of a small MLP. */
  readonly ms?: number;
  /** Why it is out of the question here. */
  readonly rejected?: string;
}

export interface BackendReport {
  readonly chosen: TensorBackendName;
  readonly measured: readonly BackendCandidate[];
}

/** Together the candidates get about this long. Each measures one step at least. */
const MEASURE_MS_TOTAL = 1_500;
const STEPS_MAX = 5;
/** A backend that hangs (a lost device, a driver that compiles forever) is given up. */
const CANDIDATE_MS_MAX = 15_000;
const TOLERANCE = 1e-3;

/**
 * Leave `tf` on its fastest backend that computes correctly, as measured here and now: which one
 * that is depends on the machine (a software WebGPU adapter is slower than plain JavaScript), and
 * some drivers compute wrong numbers.
 *
 * @throws MeshError `INTERNAL` if no candidate works; its message says why for each.
 */
export async function chooseBackend(
  tf: Tensorflow,
  candidates: readonly TensorBackendName[],
  clock: Clock,
): Promise<BackendReport> {
  const measured: BackendCandidate[] = [];
  for (const name of candidates) {
    const budgetMs = MEASURE_MS_TOTAL / candidates.length;
    measured.push(await withDeadline(measure(tf, name, budgetMs, clock), name, clock));
  }
  const passed = measured.filter((candidate) => candidate.ms !== undefined);
  const [best] = passed.sort((a, b) => a.ms! - b.ms!);
  if (!best) {
    const reasons = measured.map(({ name, rejected }) => `${name}: ${rejected}`).join("; ");
    throw new MeshError("INTERNAL", `no TensorFlow.js backend works here: ${reasons}`);
  }
  await useBackend(tf, best.name);
  return { chosen: best.name, measured };
}

/** @throws MeshError `INTERNAL` if the backend cannot start here. */
export async function useBackend(tf: Tensorflow, name: TensorBackendName): Promise<void> {
  const isSet = await tf.setBackend(name);
  if (!isSet) throw new MeshError("INTERNAL", `the TensorFlow.js backend ${name} did not start`);
  await tf.ready();
}

async function measure(
  tf: Tensorflow,
  name: TensorBackendName,
  budgetMs: number,
  clock: Clock,
): Promise<BackendCandidate> {
  try {
    await useBackend(tf, name);
    const wrong = await selfTest(tf);
    if (wrong) return { name, rejected: wrong };
    return { name, ms: await medianStepMs(tf, budgetMs, clock) };
  } catch (error) {
    return { name, rejected: String(error).slice(0, 512) };
  }
}

async function withDeadline(
  measuring: Promise<BackendCandidate>,
  name: TensorBackendName,
  clock: Clock,
): Promise<BackendCandidate> {
  let cancel = () => {};
  const late = new Promise<BackendCandidate>((resolve) => {
    const rejected = `it did not finish a step within ${CANDIDATE_MS_MAX} ms`;
    cancel = clock.after(CANDIDATE_MS_MAX, () => resolve({ name, rejected }));
  });
  return Promise.race([measuring, late]).finally(cancel);
}

/** @returns what is wrong with the numbers of the current backend, if anything. */
async function selfTest(tf: Tensorflow): Promise<string | undefined> {
  const product = tf.tidy(() => {
    const left = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const right = tf.tensor2d([7, 8, 9, 10, 11, 12], [3, 2]);
    return tf.matMul(left, right);
  });
  // d/dw sum(relu(x w)^2) = 2 xT relu(x w), and 0 where x w is negative.
  const gradient = tf.tidy(() => {
    const x = tf.tensor2d([1, -2, 0.5, 3], [2, 2]);
    const w = tf.tensor2d([0.5, -1, 0.25, 2], [2, 2]);
    return tf.grad((v) =>
      tf
        .matMul(x, v as Tf.Tensor2D)
        .relu()
        .square()
        .sum(),
    )(w);
  });
  const complaint =
    differs("matMul", await product.data(), [58, 64, 139, 154]) ??
    differs("the gradient", await gradient.data(), [1, 5.5, 6, 33]);
  tf.dispose([product, gradient]);
  return complaint;
}

function differs(
  what: string,
  got: ArrayLike<number>,
  expected: readonly number[],
): string | undefined {
  const isClose = expected.every(
    (value, i) => Math.abs(value - (got[i] ?? Number.NaN)) <= TOLERANCE * Math.abs(value),
  );
  if (isClose) return undefined;
  return `it computes wrong numbers: ${what} is [${Array.from(got).join(", ")}], expected [${expected.join(", ")}]`;
}

/** One step of stochastic gradient descent of a 64-256-64 MLP on a batch of 64. */
async function medianStepMs(tf: Tensorflow, budgetMs: number, clock: Clock): Promise<number> {
  const x = tf.randomNormal([64, 64], 0, 1, "float32", 1);
  const weights = (shape: [number, number], seed: number) =>
    tf.tidy(() => tf.variable(tf.randomNormal(shape, 0, 0.1, "float32", seed)));
  const w1 = weights([64, 256], 2);
  const w2 = weights([256, 64], 3);
  const optimizer = tf.train.sgd(0.01);
  const step = async () => {
    const loss = optimizer.minimize(
      () => tf.matMul(tf.matMul(x, w1).relu(), w2).sub(x).square().mean().asScalar(),
      true,
      [w1, w2],
    )!;
    await loss.data();
    loss.dispose();
  };
  try {
    const startedMs = clock.nowMs();
    await step();
    const times: number[] = [];
    do {
      const stepStartedMs = clock.nowMs();
      await step();
      times.push(clock.nowMs() - stepStartedMs);
    } while (times.length < STEPS_MAX && clock.nowMs() - startedMs < budgetMs);
    return times.sort((a, b) => a - b)[times.length >> 1]!;
  } finally {
    tf.dispose([x, w1, w2]);
    optimizer.dispose();
  }
}
