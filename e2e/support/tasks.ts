/** Functions that tests ship into the mesh: each stands on its own. */

/** Doubles numbers on the graphics processor, by WebGPU itself. */
export async function doubleOnGpu(numbers: Float32Array): Promise<Float32Array> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const size = numbers.byteLength;
  const data = device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const out = device.createBuffer({
    size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(data, 0, numbers as Float32Array<ArrayBuffer>);
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) i: vec3u) {
        if (i.x < arrayLength(&x)) { x[i.x] = x[i.x] * 2.0; }
      }`,
  });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const group = device.createBindGroup({
    layout,
    entries: [{ binding: 0, resource: { buffer: data } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(Math.ceil(numbers.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(data, 0, out, 0, size);
  device.queue.submit([encoder.finish()]);
  await out.mapAsync(GPUMapMode.READ);
  const doubled = new Float32Array(out.getMappedRange().slice(0));
  device.destroy();
  return doubled;
}

/** Fits y = 2x + 1 with TensorFlow.js on one backend. */
export async function fitLine(
  backend: string,
): Promise<{ backend: string; slope: number; offset: number; lossFell: boolean }> {
  const tf = await import("@tensorflow/tfjs");
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  const slope = tf.variable(tf.scalar(0));
  const offset = tf.variable(tf.scalar(0));
  const x = tf.linspace(-1, 1, 32);
  const y = x.mul(2).add(1);
  const optimizer = tf.train.sgd(0.5);
  const losses: number[] = [];
  for (let step = 0; step < 40; step++) {
    const loss = optimizer.minimize(
      () => tf.losses.meanSquaredError(y, x.mul(slope).add(offset)).asScalar(),
      true,
    );
    losses.push((await loss!.data())[0]!);
    loss!.dispose();
  }
  const [[a], [b]] = await Promise.all([slope.data(), offset.data()]);
  return {
    backend: tf.getBackend(),
    slope: a!,
    offset: b!,
    lossFell: losses.at(-1)! < losses[0]! / 100,
  };
}

export const ones = (count: number): Float32Array => new Float32Array(count).fill(1);

export const sum = (numbers: Float32Array): number => numbers.reduce((a, b) => a + b, 0);

/** Runs for ever. */
export const never = (): Promise<void> => new Promise(() => {});

/** An actor that shows in which order it was called. */
export class Diary {
  readonly entries: string[] = [];

  write(entry: string): number {
    return this.entries.push(entry);
  }

  read(): readonly string[] {
    return this.entries;
  }
}
