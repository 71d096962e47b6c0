import { setTimeout as sleep } from "node:timers/promises";
import type { Explanation } from "manta";

/** What a test may leave nothing of. */
export interface MeshAccess {
  readonly url: string;
  readonly tokens: { readonly view: string };
}

interface State {
  readonly mesh: Readonly<
    Record<"tasksWaiting" | "tasksReady" | "tasksRunning" | "actors", number>
  >;
  readonly peers: readonly {
    readonly name: string;
    readonly role: string;
    readonly storedBytes: number;
  }[];
  readonly tasks: readonly {
    readonly task: string;
    readonly name: string;
    readonly state: string;
    readonly worker?: string;
  }[];
  readonly objects: readonly {
    readonly object: string;
    readonly sizeBytes: number;
    readonly state: string;
    readonly locations: readonly string[];
  }[];
}

const DEADLINE_MS = 15_000;
const ASK_EVERY_MS = 20;
const EXPLAINED_MAX = 5;
const OVER = new Set(["done", "failed", "cancelled"]);

/**
 * Resolves when nothing is left in a mesh whose drivers have let go: no object and no task in the
 * directory, nothing in the stores of its peers.
 * @throws Error that says what is left, and who holds it.
 */
export async function meshIsEmpty({ url, tokens }: MeshAccess): Promise<void> {
  const ask = async (path: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${tokens.view}` };
    return (await fetch(`${url}${path}`, { headers })).json();
  };
  const startMs = performance.now();
  for (;;) {
    const state = (await ask("/v1/state")) as State;
    const left = leftIn(state);
    if (left.length === 0) return;
    if (performance.now() - startMs > DEADLINE_MS) {
      const objects = state.objects.slice(0, EXPLAINED_MAX);
      const explained = objects.map(async ({ object }) => {
        const { text, story } = (await ask(`/v1/explain/${object}`)) as Explanation;
        return [text, ...story.map(({ what }) => what)].join("; ");
      });
      const text = [...left, ...(await Promise.all(explained))].join("\n");
      throw new Error(`after ${DEADLINE_MS} ms the mesh is not empty:\n${text}`);
    }
    await sleep(ASK_EVERY_MS);
  }
}

function leftIn({ mesh, peers, tasks, objects }: State): string[] {
  const left = objects.map(
    ({ object, sizeBytes, state, locations }) =>
      `object ${object} (${state}, ${sizeBytes} bytes) at ${locations.join(", ")}`,
  );
  for (const { task, name, state, worker } of tasks) {
    if (!OVER.has(state)) left.push(`task ${name} (${task}) is ${state} on ${worker ?? "nobody"}`);
  }
  for (const { name, storedBytes } of peers) {
    if (storedBytes > 0) left.push(`${name} stores ${storedBytes} bytes`);
  }
  for (const what of ["tasksWaiting", "tasksReady", "tasksRunning", "actors"] as const) {
    if (mesh[what] > 0) left.push(`${mesh[what]} ${what}`);
  }
  return left;
}
