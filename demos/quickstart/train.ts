import type { ActorHandle, Mesh, ObjectRef } from "manta";
import { shuffle, type Digits } from "./digits.ts";
import { ParameterServer } from "./parameter-server.ts";
import { accuracyTask, gradientTask } from "./tasks.ts";

export interface TrainOptions {
  readonly train: Digits;
  readonly test: Digits;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Gradient tasks under way at once: one for each CPU of the mesh keeps all of them busy. */
  concurrency(): Promise<number>;
  onStep(step: { epoch: number; step: number; steps: number; loss: number }): void;
  onEpoch(epoch: { epoch: number; loss: number; accuracy: number }): void;
}

interface Training {
  readonly server: ActorHandle<ParameterServer>;
  readonly digits: ObjectRef<Digits>;
}

/**
 * Asynchronous data-parallel training with a parameter server: each gradient is applied when it
 * comes, so a slow tab delays nobody. The data set is put once and every worker fetches it once.
 * @returns the test accuracy after the last epoch.
 */
export async function train(mesh: Mesh, options: TrainOptions): Promise<number> {
  const server = mesh.actor(ParameterServer).create(options.learningRate, options.seed);
  using digits = await mesh.put(options.train);
  using test = await mesh.put(options.test);
  const accuracyOf = mesh.remote(accuracyTask, { name: "accuracy" });
  let accuracy = 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = await trainEpoch(mesh, { server, digits }, epoch, options);
    using weights = server.weights();
    accuracy = await mesh.get(accuracyOf(test, weights));
    options.onEpoch({ epoch, loss, accuracy });
  }
  return accuracy;
}

async function trainEpoch(
  mesh: Mesh,
  { server, digits }: Training,
  epoch: number,
  options: TrainOptions,
): Promise<number> {
  const gradientOf = mesh.remote(gradientTask, { name: "gradient" });
  const order = Array.from({ length: options.train.count }, (_, i) => i);
  shuffle(order, options.seed + epoch);
  const steps = Math.floor(order.length / options.batch);
  let next = 0;
  let done = 0;
  let lossSum = 0;
  const lane = async () => {
    while (next < steps) {
      const at = next++ * options.batch;
      const batch = Uint16Array.from(order.slice(at, at + options.batch));
      using weights = server.weights();
      using result = gradientOf(digits, weights, batch);
      const { gradients, loss } = await mesh.get(result);
      using applied = server.apply(gradients);
      await mesh.get(applied);
      done += 1;
      lossSum += loss;
      options.onStep({ epoch, step: done, steps, loss });
    }
  };
  const lanes = Math.min(steps, await options.concurrency());
  await Promise.all(Array.from({ length: lanes }, lane));
  return lossSum / steps;
}
