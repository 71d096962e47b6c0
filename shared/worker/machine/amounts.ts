import type { Demands } from "../../protocol/schema.ts";

/** Sums of demands. Integers, so that they compare exactly and come back to zero. */
export interface Amounts {
  cpuMilli: number;
  gpuMilli: number;
  memoryBytes: number;
  /** Made when it is needed: most machines and tasks have none, and there may be 100,000 machines. */
  custom: Map<string, number> | undefined;
}

export const noAmounts = (): Amounts => ({
  cpuMilli: 0,
  gpuMilli: 0,
  memoryBytes: 0,
  custom: undefined,
});

/** Add `sign` times the demands. */
export function change(amounts: Amounts, demands: Demands, sign: 1 | -1): void {
  amounts.cpuMilli += sign * demands.cpuMilli;
  amounts.gpuMilli += sign * demands.gpuMilli;
  amounts.memoryBytes += sign * demands.memoryBytes;
  if (!demands.custom) return;
  const custom = (amounts.custom ??= new Map());
  for (const [name, amount] of Object.entries(demands.custom)) {
    custom.set(name, (custom.get(name) ?? 0) + sign * amount);
  }
}

/** Whether `demands` fit into `capacity` beside what is used. A demand of nothing always fits. */
export function fits(capacity: Demands, used: Amounts, demands: Demands): boolean {
  return (
    within(demands.cpuMilli, used.cpuMilli, capacity.cpuMilli) &&
    within(demands.gpuMilli, used.gpuMilli, capacity.gpuMilli) &&
    within(demands.memoryBytes, used.memoryBytes, capacity.memoryBytes) &&
    (!demands.custom ||
      Object.entries(demands.custom).every(([name, amount]) =>
        within(amount, used.custom?.get(name) ?? 0, capacity.custom?.[name] ?? 0),
      ))
  );
}

const within = (demand: number, used: number, capacity: number): boolean =>
  demand === 0 || used + demand <= capacity;

/** Whether any number of it would fit beside each other. */
export const demandsNothing = ({ cpuMilli, gpuMilli, memoryBytes, custom }: Demands): boolean =>
  cpuMilli === 0 &&
  gpuMilli === 0 &&
  memoryBytes === 0 &&
  Object.values(custom ?? {}).every((amount) => amount === 0);

const keys = new WeakMap<Demands, string>();

/** Equal for equal demands. All orders of a callable share one object, so it is remembered. */
export function demandsKey(demands: Demands): string {
  let key = keys.get(demands);
  if (key === undefined) keys.set(demands, (key = keyOf(demands)));
  return key;
}

function keyOf(demands: Demands): string {
  const { cpuMilli, gpuMilli, memoryBytes, custom } = demands;
  const plain = `${cpuMilli}/${gpuMilli}/${memoryBytes}`;
  if (!custom) return plain;
  const names = Object.keys(custom).toSorted();
  return `${plain}/${names.map((name) => `${name}=${custom[name]}`).join("/")}`;
}
