import type { ActorHandle, Mesh } from "manta";
import type { RayBody } from "./body.ts";
import { getAndDispose } from "../get-and-dispose.ts";

/** What Ray calls n_cpu, half of a machine's CPUs: pinned, so that figures of two machines compare. */
const ACTORS = 1;
/** Clients at a time, and the calls or tasks that each makes. */
const CLIENTS = 4;
const CALLS = 5_000;
const TASKS = 10_000;
const PUT_TASKS = 10;
const PUTS = 100;
/** Arrays of 83.9 MB, which Ray counts as 0.08 GB each. */
const LARGE_PUTS = 10;
const LARGE_LENGTH = 10 * 1024 * 1024;
const LARGE_GIGABYTES = 0.08;

/** Rows where tasks and actors are the clients: what they submit comes from inside the mesh. */
export const NESTED_BODIES: readonly RayBody[] = [
  {
    name: "multi_client_put_calls_Plasma_Store",
    measures: "Ten tasks that put a small value 100 times each.",
    operations: PUT_TASKS * PUTS,
    prepare(mesh) {
      const putMany = mesh.remote(async (count: number) => {
        const inner = await (await import("manta")).connect();
        for (let i = 0; i < count; i++) (await inner.put(0)).dispose();
      });
      return { run: () => getAndDispose(mesh, PUT_TASKS, () => putMany(PUTS)) };
    },
  },
  {
    name: "multi_client_put_gigabytes",
    measures:
      "Ten tasks that make and put an array of 83.9 MB ten times each, counted as 0.08 GB as Ray does: gigabytes per second.",
    operations: PUT_TASKS * LARGE_PUTS * LARGE_GIGABYTES,
    prepare(mesh) {
      const putLarge = mesh.remote(async (count: number, length: number) => {
        const inner = await (await import("manta")).connect();
        for (let i = 0; i < count; i++) (await inner.put(new BigInt64Array(length))).dispose();
      });
      return {
        run: () => getAndDispose(mesh, PUT_TASKS, () => putLarge(LARGE_PUTS, LARGE_LENGTH)),
      };
    },
  },
  {
    name: "multi_client_tasks_async",
    measures: "Four actors that each submit 10,000 no-op tasks and get their results.",
    operations: CLIENTS * TASKS,
    prepare(mesh) {
      const Submitter = mesh.actor(
        class Submitter {
          async smallValueBatch(count: number) {
            const inner = await (await import("manta")).connect();
            const smallValue = inner.remote(() => "ok");
            const refs = Array.from({ length: count }, () => smallValue());
            await inner.get(refs);
            for (const ref of refs) ref.dispose();
          }
        },
      );
      const actors = Array.from({ length: CLIENTS }, () => Submitter.create());
      return {
        run: () => getAndDispose(mesh, CLIENTS, (i) => actors[i]!.smallValueBatch(TASKS)),
        close: () => actors.forEach((actor) => mesh.kill(actor)),
      };
    },
  },
  {
    name: "1_n_actor_calls_async",
    measures: "One actor that calls another 5,000 times at a time.",
    operations: CALLS * ACTORS,
    prepare: (mesh) => oneClient(mesh, serverOf(mesh)),
  },
  {
    name: "n_n_actor_calls_async",
    measures: "Four tasks that each call one actor 5,000 times at a time.",
    operations: CLIENTS * CALLS,
    prepare: (mesh) => manyClients(mesh, serverOf(mesh)),
  },
  {
    name: "n_n_actor_calls_with_arg_async",
    measures: "One actor that puts a value and calls another 1,000 times with its ref.",
    operations: 1_000 * ACTORS,
    prepare(mesh) {
      const server = serverOf(mesh);
      const client = clientOf(mesh, server);
      return {
        run: () => getAndDispose(mesh, 1, () => client.batchWithArg(1_000)),
        close: () => [client, server].forEach((actor) => mesh.kill(actor)),
      };
    },
  },
  {
    name: "1_n_async_actor_calls_async",
    measures: "One actor that calls another, whose method is async, 5,000 times at a time.",
    operations: CALLS * ACTORS,
    prepare: (mesh) => oneClient(mesh, asyncServerOf(mesh)),
  },
  {
    name: "n_n_async_actor_calls_async",
    measures: "Four tasks that each call one actor, whose method is async, 5,000 times at a time.",
    operations: CLIENTS * CALLS,
    prepare: (mesh) => manyClients(mesh, asyncServerOf(mesh)),
  },
];

interface Server {
  smallValue(): string | Promise<string>;
  smallValueArg(x: number): string | Promise<string>;
}

const serverOf = (mesh: Mesh): ActorHandle<Server> =>
  mesh
    .actor(
      class Actor {
        smallValue(): string | Promise<string> {
          return "ok";
        }
        smallValueArg(_x: number): string | Promise<string> {
          return "ok";
        }
      },
    )
    .create();

const asyncServerOf = (mesh: Mesh): ActorHandle<Server> =>
  mesh
    .actor(
      class AsyncActor {
        async smallValue() {
          return "ok";
        }
        async smallValueArg(_x: number) {
          return "ok";
        }
      },
    )
    .create();

/** Ray's Client, for one server. */
const clientOf = (mesh: Mesh, server: ActorHandle<Server>) =>
  mesh
    .actor(
      class Client {
        readonly server: ActorHandle<Server>;
        constructor(called: ActorHandle<Server>) {
          this.server = called;
        }
        async batch(count: number) {
          const inner = await (await import("manta")).connect();
          const refs = Array.from({ length: count }, () => this.server.smallValue());
          await inner.get(refs);
          for (const ref of refs) ref.dispose();
        }
        async batchWithArg(count: number) {
          const inner = await (await import("manta")).connect();
          const x = await inner.put(0);
          const refs = Array.from({ length: count }, () => this.server.smallValueArg(x));
          await inner.get(refs);
          for (const ref of [x, ...refs]) ref.dispose();
        }
      },
    )
    .create(server);

function oneClient(mesh: Mesh, server: ActorHandle<Server>) {
  const client = clientOf(mesh, server);
  return {
    run: () => getAndDispose(mesh, 1, () => client.batch(CALLS)),
    close: () => [client, server].forEach((actor) => mesh.kill(actor)),
  };
}

function manyClients(mesh: Mesh, server: ActorHandle<Server>) {
  const work = mesh.remote(async (called: ActorHandle<Server>, count: number) => {
    const inner = await (await import("manta")).connect();
    const refs = Array.from({ length: count }, () => called.smallValue());
    await inner.get(refs);
    for (const ref of refs) ref.dispose();
  });
  return {
    run: () => getAndDispose(mesh, CLIENTS, () => work(server, CALLS)),
    close: () => mesh.kill(server),
  };
}
