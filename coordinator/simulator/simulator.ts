import { invariant } from "../../shared/errors.ts";
import type { Hello } from "../../shared/protocol/messages.ts";
import type { Demands } from "../../shared/protocol/schema.ts";
import { explainTask } from "../scheduler/explain.ts";
import { DataPlane } from "./data-plane.ts";
import { DriverPlan } from "./driver-plan.ts";
import { checkPlane } from "./plane-invariants.ts";
import type { Scenario } from "./scenario.ts";
import { VirtualCoordinator } from "./virtual-coordinator.ts";
import { VirtualDriver } from "./virtual-driver.ts";
import type { Mesh, VirtualPeer } from "./virtual-peer.ts";
import { VirtualWorker } from "./virtual-worker.ts";
import { World } from "./world.ts";

export interface SimResult {
  readonly seed: number;
  readonly events: number;
  /** Tasks, actors and calls that came to their end at their driver. */
  readonly settled: number;
  readonly losses: number;
  /** Attempts that were lost and made again. */
  readonly retried: number;
  /** Tasks that were run twice because they were late. */
  readonly copied: number;
  readonly virtualMs: number;
  /** Over every event and message: equal seeds must give equal digests. */
  readonly digest: number;
}

/** How long faults go on, and how long a healthy mesh may go without settling anything. */
const FAULTY_MS = 60_000;
const QUIET_MS_MAX = 300_000;
const STEP_MS = 1_000;
const DRAIN_MS_MAX = 30_000;
const FREEZE_MS_MAX = 100_000;
const JUMP_MS_MAX = 120_000;
/** Longer than a worker may be silent, shorter than until a driver is given up. */
const PARTITION_MS_MAX = 40_000;

/**
 * Run the real control plane and real worker machines on virtual peers, network and clock, in one
 * thread and without waiting. First with faults (safety: no invariant may break), then with a
 * healthy network (liveness: all is settled), then everybody lets go (nothing may be left).
 *
 * @param onNote hears every event and message, for a look at one seed.
 * @throws Error what went wrong.
 */
export function simulate(scenario: Scenario, onNote?: (text: string) => void): SimResult {
  return new Simulation(new World(scenario, onNote)).run();
}

class Simulation {
  readonly #world: World;
  readonly #mesh: Mesh;
  readonly #workers = new Set<VirtualWorker>();
  readonly #drivers = new Map<VirtualDriver, DriverPlan>();
  #workersMade = 0;

  constructor(world: World) {
    this.#world = world;
    const coordinator = new VirtualCoordinator(world);
    this.#mesh = { world, coordinator, dataPlane: new DataPlane(world) };
  }

  run(): SimResult {
    const world = this.#world;
    const { scenario } = world;
    for (let i = 0; i < scenario.workers; i++) {
      world.after(world.below(5_000), () => this.#spawnWorker(this.#drawCapacity()));
    }
    for (let i = 0; i < scenario.drivers; i++) {
      world.after(world.below(5_000), () => this.#spawnDriver());
    }
    for (let atMs = STEP_MS; atMs < FAULTY_MS; atMs += STEP_MS) {
      world.at(atMs, () => this.#strike());
    }
    this.#runUntil(FAULTY_MS);

    world.faulty = false;
    this.#spawnGiants();
    for (const driver of this.#liveDrivers()) this.#drivers.get(driver)!.cancelHopeless();
    this.#runWhile(() => this.#liveDrivers().some(({ unsettled }) => unsettled.length > 0));
    this.#runWhile(() =>
      this.#liveDrivers().some((driver) => !this.#drivers.get(driver)!.finish()),
    );
    const janitor = this.#spawnJanitor();
    this.#runWhile(() => {
      this.#endDetached(janitor);
      return this.#leftovers().length > 0;
    });
    this.#runWhile(() => {
      for (const peer of [janitor, ...this.#liveDrivers(), ...this.#workers]) peer.leave("done");
      return this.#mesh.coordinator.plane.peers.size > 0;
    });
    this.#checkEmpty();
    const settled = [...this.#drivers.keys()].reduce((sum, driver) => sum + driver.settled, 0);
    return {
      seed: scenario.seed,
      events: this.#mesh.coordinator.events,
      settled,
      losses: world.losses,
      copied: this.#mesh.coordinator.plane.scheduler.counters.copied,
      retried: this.#mesh.coordinator.plane.scheduler.counters.retried,
      virtualMs: world.nowMs,
      digest: world.digest,
    };
  }

  /** Ends what has outlived its driver. */
  #spawnJanitor(): VirtualDriver {
    return new VirtualDriver(this.#mesh, helloOf("driver", "janitor", "node"), () => {});
  }

  #endDetached(janitor: VirtualDriver): void {
    if (!janitor.isJoined) return;
    for (const [actor, { define }] of this.#mesh.coordinator.plane.actors.unended()) {
      if (define.actor?.isDetached) janitor.endForeign(actor);
    }
  }

  #runUntil(atMs: number): void {
    while (this.#world.nextAtMs <= atMs) this.#world.turn();
  }

  /** Liveness is progress, not speed: what settles or goes buys the rest the full allowance. */
  #runWhile(isUnfinished: () => boolean): void {
    let progress = this.#progress();
    let deadlineMs = this.#world.nowMs + QUIET_MS_MAX;
    while (isUnfinished()) {
      if (this.#world.nowMs >= deadlineMs) throw new Error(`no progress: ${this.#describeLeft()}`);
      this.#runUntil(this.#world.nowMs + STEP_MS);
      if (this.#progress() === progress) continue;
      progress = this.#progress();
      deadlineMs = this.#world.nowMs + QUIET_MS_MAX;
    }
  }

  #progress(): string {
    const settled = [...this.#drivers.keys()].map((driver) => driver.settled);
    const { directory, scheduler } = this.#mesh.coordinator.plane;
    return `${settled.join()} ${directory.objects.size} ${scheduler.tasks.size}`;
  }

  #liveDrivers(): VirtualDriver[] {
    return [...this.#drivers.keys()].filter(({ isOver }) => !isOver);
  }

  /** What is still there although every ref was let go. */
  #leftovers(): string[] {
    const { scheduler, directory, submissions } = this.#mesh.coordinator.plane;
    const left = [...scheduler.tasks.values()].map(({ id, state }) => `${state} task ${id}`);
    for (const id of submissions.payloads.keys()) left.push(`payload ${id}`);
    for (const { id, phase, holds } of directory.objects.values()) {
      left.push(`${phase} object ${id} with ${holds} holds`);
    }
    for (const peer of [...this.#workers, ...this.#liveDrivers()]) {
      if (!peer.isJoined) continue;
      for (const object of peer.store.keys()) left.push(`${object} in the store of ${peer.self}`);
    }
    return left;
  }

  #describeLeft(): string {
    const unsettled = this.#liveDrivers().flatMap(({ unsettled: all }) =>
      all.map(({ kind, object }) => `${kind} ${object}`),
    );
    for (const { held } of this.#liveDrivers()) {
      for (const { object, reads } of held.values()) {
        if (reads > 0) unsettled.push(`read ${object}`);
      }
    }
    const text = `unsettled: ${unsettled.slice(0, 5).join(", ")}; there: `;
    const { scheduler } = this.#mesh.coordinator.plane;
    const tasks = [...scheduler.tasks.values()].filter(({ state }) => state !== "alive");
    const atMs = this.#world.nowMs;
    const why = tasks.slice(0, 3).map((task) => explainTask(scheduler, task, { atMs }).text);
    const peers = [...this.#mesh.coordinator.plane.peers.keys()].join(", ");
    return `${text}${this.#leftovers().slice(0, 8).join(", ")}; connected: ${peers}; ${why.join("; ")}`;
  }

  #checkEmpty(): void {
    const { plane } = this.#mesh.coordinator;
    checkPlane(plane);
    const sizes = {
      classes: plane.scheduler.classes.size,
      jobs: plane.scheduler.jobs.size,
      workers: plane.scheduler.workers.size,
      dependents: plane.scheduler.dependents.size,
      leased: plane.scheduler.leased.size,
      resting: plane.scheduler.resting.until.size + plane.scheduler.resting.byTime.size,
      family: plane.scheduler.family.parents.size + plane.scheduler.family.children.size,
      shapes: plane.scheduler.shapes.size,
      readyShapes: plane.scheduler.readyShapes.size,
      callables: plane.callables.size,
      objects: plane.directory.objects.size,
      copies: plane.scheduler.copies.size,
      heldBy: plane.directory.heldBy.size,
      storedBy: plane.directory.storedBy.size,
      inlineBytes: plane.directory.inlineBytes,
      actors: plane.actors.living,
    };
    for (const [what, size] of Object.entries(sizes)) {
      invariant(size === 0, `${size} ${what} are left when everybody has gone`);
    }
  }

  /** Once a second, faults befall workers, drivers and the coordinator's clock. */
  #strike(): void {
    const world = this.#world;
    const { scenario } = world;
    for (const worker of this.#workers) {
      if (world.strikes(scenario.crashPermille)) worker.crash(world.prng.chance(1, 4));
      else if (world.strikes(scenario.freezePermille)) worker.freeze(world.below(FREEZE_MS_MAX));
      else if (world.strikes(scenario.goodbyePermille)) this.#sayGoodbye(worker);
      else if (world.strikes(scenario.evictPermille)) worker.evict();
      else if (world.strikes(scenario.drainPermille)) this.#drain(worker);
    }
    if (world.strikes(scenario.partitionPermille)) {
      const forMs = world.below(PARTITION_MS_MAX);
      for (const peer of [...this.#workers, ...this.#liveDrivers()]) {
        if (world.prng.chance(1, 2)) peer.cutOff(forMs);
      }
    }
    if (scenario.clockJumps && world.strikes(20)) {
      this.#mesh.coordinator.jumpAhead(world.below(JUMP_MS_MAX));
    }
    if (scenario.driversVanish && world.strikes(40)) {
      // One whose calls are under way, if there is: their answers come to nobody.
      const drivers = this.#liveDrivers();
      const calls = drivers.find(({ unsettled }) => unsettled.some(({ kind }) => kind === "call"));
      const driver = calls ?? drivers[0];
      if (world.prng.chance(1, 2)) driver?.crash(false);
      else driver?.leave("its person closed it");
    }
  }

  #drain(worker: VirtualWorker): void {
    if (!worker.isJoined) return;
    this.#world.losses += 1;
    this.#mesh.coordinator.drain(worker.self, this.#world.below(DRAIN_MS_MAX));
  }

  #sayGoodbye(worker: VirtualWorker): void {
    this.#world.losses += 1;
    if (this.#world.prng.chance(1, 2)) worker.retire("a person pressed Stop");
    else worker.leave("its tab was closed");
  }

  #spawnWorker(capacity: Demands, runtime: "node" | "browser" = this.#drawRuntime()): void {
    const world = this.#world;
    const traits = {
      slowness: world.scenario.someAreSlow && world.prng.chance(1, 3) ? 10 : 1,
      isForgetful: world.scenario.someForget && world.faulty && world.prng.chance(1, 2),
    };
    if (traits.isForgetful) world.losses += 1;
    const name = `worker ${this.#workersMade++}`;
    const hello = { ...helloOf("worker", name, runtime), capacity };
    const worker: VirtualWorker = new VirtualWorker(this.#mesh, hello, traits, () => {
      this.#workers.delete(worker);
      // A process that comes back is another peer; the coordinator may not know yet that it went.
      if (world.faulty) world.after(world.below(5_000), () => this.#spawnWorker(capacity, runtime));
    });
    this.#workers.add(worker);
  }

  /** From now on there is room for everything, even if all actors live for ever. */
  #spawnGiants(): void {
    const amount = 1_000_000;
    const capacity = {
      cpuMilli: amount,
      gpuMilli: 32_000,
      memoryBytes: 2 ** 45,
      custom: { lab: amount },
    };
    this.#spawnWorker(capacity, "node");
    this.#spawnWorker(capacity, "browser");
  }

  #spawnDriver(): void {
    const { actionsPerDriver } = this.#world.scenario;
    const driver = new VirtualDriver(this.#mesh, helloOf("driver", "driver", "node"), (joined) => {
      const plan = new DriverPlan(this.#world, joined);
      this.#drivers.set(joined, plan);
      plan.start(actionsPerDriver, FAULTY_MS / 2);
    });
    void (driver satisfies VirtualPeer);
  }

  #drawRuntime(): "node" | "browser" {
    return this.#world.prng.chance(1, 2) ? "node" : "browser";
  }

  #drawCapacity(): Demands {
    const { prng } = this.#world;
    return {
      cpuMilli: 1_000 * (1 + prng.below(4)),
      gpuMilli: 1_000 * prng.below(2),
      memoryBytes: 2 ** 30,
      ...(prng.chance(1, 3) ? { custom: { lab: 1_000 } } : {}),
    };
  }
}

const helloOf = (role: Hello["role"], name: string, runtime: Hello["runtime"]): Hello => ({
  type: "hello",
  protocolVersions: [1],
  token: "",
  role,
  runtime,
  name,
  webrtc: false,
});
