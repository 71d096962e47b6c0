import type { CallableId, GroupId, ObjectId } from "../../shared/ids.ts";
import type { ActorOptions } from "../../shared/protocol/actor-options.ts";
import type { Define } from "../../shared/protocol/messages.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import type { Expectation } from "./expectations.ts";
import type { Program } from "./program.ts";
import type { VirtualDriver } from "./virtual-driver.ts";
import type { World } from "./world.ts";

const BURST_TASKS_MAX = 60;
const NESTED_DEPTH_MAX = 4;
const CHAIN_TASKS_MAX = 20;
/** More than any virtual worker has. */
const HOPELESS_GPU_MILLI = 64_000;

/** Chooses what one driver does, and when. */
export class DriverPlan {
  readonly #world: World;
  readonly #driver: VirtualDriver;
  readonly #functions: Define[] = [];
  readonly #actorClasses: Define[] = [];
  readonly #callableOf = new Map<ObjectId, CallableId>();
  /** Its placement groups that it did not remove, and all that was submitted to each. */
  readonly #groups = new Set<Expectation>();
  readonly #inside = new Map<string, Expectation[]>();
  #isReading = false;

  constructor(world: World, driver: VirtualDriver) {
    this.#world = world;
    this.#driver = driver;
    for (let i = world.below(3); i > 0; i--) this.#createGroup();
    for (let i = 1 + world.below(4); i > 0; i--) this.#functions.push(this.#callable("function"));
    for (let i = world.below(3); i > 0; i--) this.#actorClasses.push(this.#callable("actor-class"));
  }

  /** Spread its actions over the time that faults last. */
  start(actionsMax: number, forMs: number): void {
    for (let i = 0; i < actionsMax; i++) {
      this.#driver.after(this.#world.below(forMs), () => this.#act());
    }
  }

  /** The faults are over: nobody will ever come who could run these. */
  cancelHopeless(): void {
    const hopeless = this.#functions.filter(({ demands }) => demands.gpuMilli > 1_000);
    const ids = new Set(hopeless.map(({ callable }) => callable));
    this.#driver.cancelHopeless((callable) => ids.has(callable), this.#callableOf);
  }

  /** Look at all that is held, then let go of everything. @returns whether all is let go. */
  finish(): boolean {
    const { held, actors } = this.#driver;
    if (!this.#isReading) {
      this.#isReading = true;
      for (const expected of held.values()) this.#driver.readHeld(expected);
      return false;
    }
    for (const expected of held.values()) if (expected.reads > 0) return false;
    for (const actor of actors.values()) this.#driver.endActor(actor);
    for (const group of this.#groups) this.#removeGroup(group);
    for (const expected of held.values()) this.#driver.release(expected);
    this.#driver.releaseOrphans();
    return actors.size === 0;
  }

  #act(): void {
    const dice = this.#world.below(100);
    if (dice < 30) this.#submit(this.#pickFunction(), this.#someHeld(3), this.#someHeld(2));
    else if (dice < 40) this.#burst();
    else if (dice < 45) this.#chain();
    else if (dice < 55) this.#put();
    else if (dice < 70) this.#onHeld((expected) => this.#driver.release(expected));
    else if (dice < 76) this.#onHeld((expected) => this.#driver.readHeld(expected));
    else if (dice < 80) this.#cancelSome();
    else if (dice < 86) this.#createActor();
    else if (dice < 96) this.#callSome();
    else if (dice < 98) this.#explain();
    else if (dice < 99) this.#removeSomeGroup();
    else this.#endSome();
  }

  #submit(
    callable: Define,
    dependencies: readonly Expectation[],
    contained: readonly Expectation[],
  ): Expectation {
    const drawn = this.#program(contained.map(({ object }) => object));
    const own = this.#withItems(callable, drawn);
    const program = this.#world.prng.chance(1, 5) ? this.#nested(callable, own) : own;
    const submission = { callable, program, dependencies, contained };
    const expected = this.#driver.submit(submission);
    this.#callableOf.set(expected.object, callable.callable);
    this.#shareFate(expected, callable);
    return expected;
  }

  /** What such a task itself comes to is how many there were. */
  #withItems({ stream, returns }: Define, program: Program): Program {
    if (!stream && returns === undefined) return program;
    const result = program.result === "big" ? "small" : program.result;
    return { ...program, result, items: this.#world.below(9) };
  }

  /** What runs in a placement group ends with it. */
  #shareFate(expected: Expectation, callable: Define): void {
    const id = groupOf(callable);
    if (!id) return;
    this.#inside.get(id)!.push(expected);
    const isThere = [...this.#groups].some(({ object }) => object === (id as string));
    if (!isThere) expected.excuses.add("PLACEMENT_GROUP_REMOVED").add("ACTOR_DIED");
  }

  #createGroup(): void {
    const { prng } = this.#world;
    const strategies = ["pack", "spread", "strictPack", "strictSpread"] as const;
    const bundles = Array.from({ length: 1 + prng.below(2) }, () => ({
      demands: { cpuMilli: 1_000 + 500 * prng.below(2), gpuMilli: 0, memoryBytes: 0 },
    }));
    const group = this.#driver.createGroup({ strategy: strategies[prng.below(4)]!, bundles });
    this.#groups.add(group);
    this.#inside.set(group.object, []);
  }

  #removeSomeGroup(): void {
    const group = this.#world.pick(this.#groups);
    if (group) this.#removeGroup(group);
  }

  #removeGroup(group: Expectation): void {
    this.#groups.delete(group);
    this.#driver.removeGroup(group, this.#inside.get(group.object)!);
  }

  #put(): void {
    const isBig = this.#world.prng.chance(1, 2);
    this.#driver.putValue(this.#someHeld(2), isBig, 1 + this.#world.below(3));
  }

  #burst(): void {
    const callable = this.#pickFunction();
    for (let i = 1 + this.#world.below(BURST_TASKS_MAX); i > 0; i--) {
      const expected = this.#submit(callable, [], []);
      if (this.#world.prng.chance(1, 2)) this.#driver.release(expected);
    }
  }

  #chain(): void {
    let last: Expectation | undefined;
    for (let i = 1 + this.#world.below(CHAIN_TASKS_MAX); i > 0; i--) {
      const next = this.#submit(this.#pickFunction(), last ? [last] : [], []);
      if (last) this.#driver.release(last);
      last = next;
    }
  }

  #createActor(): void {
    const callable = this.#world.pick(this.#actorClasses);
    if (!callable) return;
    const world = this.#world;
    // An actor that is found by its name has its own fate, not that of a group.
    const mayHaveName = !groupOf(callable) && world.prng.chance(1, 4);
    const named = mayHaveName && { name: `n${world.below(3)}` };
    const naming = named && {
      named,
      ...(world.prng.chance(1, 2) ? { getIfExists: true } : {}),
    };
    const { result, ...program } = this.#program([]);
    // What a constructor gives is never big.
    const small = { ...program, result: result === "big" ? "small" : result } as const;
    const args = { dependencies: this.#someHeld(1), contained: [] };
    const submission = { callable, program: small, ...args, ...(naming ? { naming } : {}) };
    this.#shareFate(this.#driver.submit(submission), callable);
  }

  #callSome(): void {
    const actor = this.#world.pick(this.#driver.actors.values());
    if (!actor?.worker) return;
    for (let i = 1 + this.#world.below(8); i > 0; i--) {
      this.#driver.callActor(actor, this.#program([]));
    }
  }

  #endSome(): void {
    const actor = this.#world.pick(this.#driver.actors.values());
    if (actor) this.#driver.endActor(actor, this.#world.prng.chance(1, 2));
  }

  #cancelSome(): void {
    const tasks = this.#driver.unsettled.filter(({ kind }) => kind !== "call");
    const expected = this.#world.pick(tasks);
    if (expected) this.#driver.cancel(expected);
  }

  #explain(): void {
    const expected = this.#world.pick(this.#driver.held.values());
    if (!expected) return;
    this.#driver.send({ type: "query", request: 1, what: "explain", object: expected.object });
    this.#driver.send({ type: "query", request: 2, what: "peers" });
    this.#driver.send({ type: "query", request: 3, what: "mesh" });
  }

  #onHeld(act: (expected: Expectation) => void): void {
    const expected = this.#world.pick(this.#driver.held.values());
    if (expected) act(expected);
  }

  #someHeld(countMax: number): Expectation[] {
    const all = [...this.#driver.held.values()];
    const some: Expectation[] = [];
    for (let i = this.#world.below(countMax + 1); i > 0; i--) {
      const one = this.#world.pick(all);
      if (one) some.push(one);
    }
    return some;
  }

  #pickFunction(): Define {
    return this.#world.pick(this.#functions)!;
  }

  #program(contained: readonly ObjectId[]): Program {
    const { prng, scenario } = this.#world;
    const kind = prng.below(20);
    return {
      runMs: prng.chance(1, 2) ? prng.below(3) : prng.below(scenario.runMsMax),
      result: kind === 0 ? "throws" : kind < 8 ? "big" : "small",
      puts: prng.chance(1, 8) ? 1 + prng.below(2) : 0,
      passes: contained.filter(() => prng.chance(1, 2)),
    };
  }

  /**
   * With tasks that it submits and waits for. Only CPUs are lent, and the parts of one worker that are
   * reserved for groups share its executors: other nested tasks might wait for each other.
   */
  #nested(callable: Define, program: Program): Program {
    const { gpuMilli, memoryBytes, custom } = callable.demands;
    const hasOnlyCpus = gpuMilli + memoryBytes === 0 && !custom;
    const givesItems = callable.stream ?? callable.returns;
    if (callable.kind !== "function" || groupOf(callable) || !hasOnlyCpus) return program;
    if (givesItems) return program;
    let nested = program;
    for (let depth = 1 + this.#world.below(NESTED_DEPTH_MAX); depth > 0; depth--) {
      nested = { ...program, passes: [], puts: 0, child: nested };
    }
    return { ...nested, passes: program.passes, puts: program.puts };
  }

  #treatment(): ActorOptions {
    const { prng } = this.#world;
    return {
      restartsMax: prng.below(4) - 1,
      methods: [],
      ...(prng.chance(1, 2) ? { savesState: true, checkpointEvery: 1 + prng.below(3) } : {}),
      ...(prng.chance(1, 4) ? { isDetached: true } : {}),
    };
  }

  #callable(kind: Define["kind"]): Define {
    const { prng } = this.#world;
    const isHopeless = kind === "function" && this.#functions.length > 0 && prng.chance(1, 10);
    const isActor = kind === "actor-class";
    const group = prng.chance(1, 6) ? this.#world.pick(this.#groups) : undefined;
    if (group && !isHopeless) return this.#inGroup(kind, group);
    const demands: Demands = {
      cpuMilli: isActor ? prng.below(3) * 500 : prng.below(5) * 500,
      gpuMilli: isHopeless ? HOPELESS_GPU_MILLI : prng.chance(1, 8) ? 1_000 : 0,
      memoryBytes: prng.chance(1, 8) ? 2 ** 29 : 0,
      ...(prng.chance(1, 8) ? { custom: { lab: 1_000 } } : {}),
    };
    const where = isHopeless ? {} : this.#where();
    return {
      type: "define",
      callable: this.#driver.newId<CallableId>(),
      kind,
      name: kind,
      source: "",
      demands,
      ...where,
      retriesMax: prng.below(5),
      priority: prng.below(3) - 1,
      ...(isActor ? { actor: this.#treatment() } : this.#items()),
    };
  }

  /** Some give several objects. */
  #items(): Pick<Define, "stream" | "returns" | "speculate"> {
    const { prng } = this.#world;
    if (prng.chance(1, 4)) return { stream: { maxAhead: 1 + prng.below(4) } };
    if (prng.chance(1, 6)) return { returns: 1 + prng.below(3) };
    return prng.chance(1, 2) ? { speculate: true } : {};
  }

  #inGroup(kind: Define["kind"], { object }: Expectation): Define {
    const { prng } = this.#world;
    const group = object as string as GroupId;
    // Actors that live for ever would keep others out for ever.
    const cpuMilli = kind === "actor-class" ? 0 : prng.below(3) * 500;
    const demands = { cpuMilli, gpuMilli: 0, memoryBytes: 0 };
    return {
      type: "define",
      callable: this.#driver.newId<CallableId>(),
      kind,
      name: kind,
      source: "",
      demands,
      strategy: prng.chance(1, 2) ? { group } : { group, bundle: 0 },
      retriesMax: prng.below(5),
      priority: 0,
    };
  }

  /** Where its tasks may run: of each a worker stays after the faults. */
  #where(): Pick<Define, "labels" | "fallback" | "strategy"> {
    const { prng } = this.#world;
    const selectors = ["browser", "!browser", "in(node,other)", "!in(tab,node)"];
    const labels = (): Labels => ({ runtime: selectors[prng.below(selectors.length)]! });
    const worker = `worker ${prng.below(8)}`;
    switch (prng.below(12)) {
      case 0:
      case 1:
        return { labels: labels() };
      case 2:
        return { labels: { runtime: "phone" }, fallback: [labels(), {}] };
      case 3:
        return { labels: labels(), fallback: [labels()] };
      case 4:
        return { strategy: "spread" };
      case 5:
        return { strategy: { worker, isSoft: true } };
      default:
        return {};
    }
  }
}

const groupOf = ({ strategy }: Define): GroupId | undefined =>
  typeof strategy === "object" && "group" in strategy ? strategy.group : undefined;
