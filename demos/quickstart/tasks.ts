import type { Digits } from "./digits.ts";
import type { Parameters } from "./parameter-server.ts";

/** Gradients of the cross-entropy on one batch of the training set, and the loss itself. */
export async function gradientTask(
  digits: Digits,
  { tensors }: Parameters,
  batch: Uint16Array,
): Promise<{ gradients: Parameters; loss: number }> {
  const tf = await import("@tensorflow/tfjs");
  const pixels = new Float32Array(batch.length * 784);
  const labels = new Int32Array(batch.length);
  batch.forEach((example, row) => {
    const from = example * 784;
    for (let i = 0; i < 784; i++) pixels[row * 784 + i] = digits.images[from + i]! / 255;
    labels[row] = digits.labels[example]!;
  });
  const results = tf.tidy(() => {
    const images = tf.tensor2d(pixels, [batch.length, 784]);
    const target = tf.oneHot(tf.tensor1d(labels, "int32"), 10);
    const [w1, b1, w2, b2] = tensors as [Float32Array, Float32Array, Float32Array, Float32Array];
    const { value, grads } = tf.valueAndGrads((k1, c1, k2, c2) => {
      const hidden = tf.relu(images.matMul(k1).add(c1));
      const logits = hidden.matMul(k2).add(c2);
      return tf.losses.softmaxCrossEntropy(target, logits).asScalar();
    })([tf.tensor2d(w1, [784, 128]), tf.tensor1d(b1), tf.tensor2d(w2, [128, 10]), tf.tensor1d(b2)]);
    return [value, ...grads];
  });
  const [loss, ...gradients] = await Promise.all(results.map((result) => result.data()));
  tf.dispose(results);
  return { gradients: { tensors: gradients as Float32Array[] }, loss: loss![0]! };
}

/** The fraction of `digits` that the weights name correctly. */
export async function accuracyTask(digits: Digits, { tensors }: Parameters): Promise<number> {
  const tf = await import("@tensorflow/tfjs");
  const correct = tf.tidy(() => {
    const [w1, b1, w2, b2] = tensors as [Float32Array, Float32Array, Float32Array, Float32Array];
    const images = tf.tensor2d(
      Float32Array.from(digits.images, (grey) => grey / 255),
      [digits.count, 784],
    );
    const hidden = tf.relu(images.matMul(tf.tensor2d(w1, [784, 128])).add(tf.tensor1d(b1)));
    const logits = hidden.matMul(tf.tensor2d(w2, [128, 10])).add(tf.tensor1d(b2));
    const labels = tf.tensor1d(Int32Array.from(digits.labels), "int32");
    return logits.argMax(1).toInt().equal(labels).sum();
  });
  const [count] = await correct.data();
  correct.dispose();
  return count! / digits.count;
}
