/** Weights of a 784-128-10 perceptron, or gradients of the same shapes. */
export interface Parameters {
  /** Shapes `[784, 128]`, `[128]`, `[128, 10]`, `[10]`, row-major. */
  readonly tensors: readonly Float32Array[];
}

/**
 * The actor that holds the weights: workers fetch them, compute gradients, and send those back; it
 * applies them as they come (Adam, Kingma and Ba 2015, https://arxiv.org/abs/1412.6980).
 */
export class ParameterServer {
  readonly #tensors: Float32Array[];
  readonly #mean: Float32Array[];
  readonly #variance: Float32Array[];
  readonly #learningRate: number;
  #steps = 0;

  constructor(learningRate: number, seed: number) {
    this.#learningRate = learningRate;
    let state = seed >>> 0;
    const uniform = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (2 * (state / 2 ** 32) - 1) * limit;
    };
    // Glorot and Bengio 2010: keeps the variance of activations level.
    const layer = (inputs: number, outputs: number) => [
      Float32Array.from({ length: inputs * outputs }, () =>
        uniform(Math.sqrt(6 / (inputs + outputs))),
      ),
      new Float32Array(outputs),
    ];
    this.#tensors = [...layer(784, 128), ...layer(128, 10)];
    this.#mean = this.#tensors.map((tensor) => new Float32Array(tensor.length));
    this.#variance = this.#tensors.map((tensor) => new Float32Array(tensor.length));
  }

  weights(): Parameters {
    return { tensors: this.#tensors };
  }

  /** @returns how many gradients have been applied. */
  apply(gradients: Parameters): number {
    this.#steps += 1;
    const rate =
      (this.#learningRate * Math.sqrt(1 - 0.999 ** this.#steps)) / (1 - 0.9 ** this.#steps);
    this.#tensors.forEach((tensor, t) => {
      const gradient = gradients.tensors[t]!;
      const mean = this.#mean[t]!;
      const variance = this.#variance[t]!;
      for (let i = 0; i < tensor.length; i++) {
        const g = gradient[i]!;
        mean[i] = 0.9 * mean[i]! + 0.1 * g;
        variance[i] = 0.999 * variance[i]! + 0.001 * g * g;
        tensor[i] = tensor[i]! - (rate * mean[i]!) / (Math.sqrt(variance[i]!) + 1e-8);
      }
    });
    return this.#steps;
  }
}
