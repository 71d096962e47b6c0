import type { Clock } from "../clock.ts";
import {
  type BackendReport,
  chooseBackend,
  type TensorBackendName,
  type Tensorflow,
  useBackend,
} from "./choose-backend.ts";

export interface TensorflowSource {
  readonly tf: Tensorflow;
  /** Backends that can be tried here, the most promising first. */
  readonly candidates: readonly TensorBackendName[];
  /** The winner of an earlier measurement on this machine. */
  readonly backend: TensorBackendName | undefined;
  readonly clock: Clock;
  onMeasured(report: BackendReport): void;
}

/** Set a freshly imported tfjs up: on the known best backend, else on the one that wins. */
export async function readyTensorflow(source: TensorflowSource): Promise<Tensorflow> {
  const { tf, candidates, backend, clock } = source;
  // Without it tfjs advertises tfjs-node, which cannot be installed on current Node, at first use.
  tf.enableProdMode();
  if (backend && candidates.includes(backend)) {
    const isReady = await useBackend(tf, backend).then(
      () => true,
      () => false,
    );
    if (isReady) return tf;
  }
  const report = await chooseBackend(tf, candidates, clock);
  source.onMeasured(report);
  return tf;
}
