import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { Prng } from "../prng.ts";
import type { SpillPlace, StoreEntry } from "./store-entry.ts";
import { DISK_RETRY_MS, StorePlan, type RoomRequest } from "./store-plan.ts";

const BYTES_MAX = 1_000;
const SEEDS = 100;
const STEPS = 300;

/** A store's shell with a disk that is slow and sometimes full, driven by random events. */
class World {
  readonly plan: StorePlan;
  readonly random: Prng;
  readonly usesReservations: boolean;
  /** One with room for all. */
  readonly hasDisk: boolean;
  readonly memory = new Set<StoreEntry>();
  readonly disk = new Set<SpillPlace>();
  readonly spilling: (readonly StoreEntry[])[] = [];
  readonly asked: RoomRequest[] = [];
  readonly answered = new Set<RoomRequest>();
  readonly pinned: StoreEntry[] = [];
  readonly reading: { entry: StoreEntry; place: SpillPlace }[] = [];
  readonly story: string[] = [];
  refusals = 0;
  nowMs = 0;
  #objects = 0;

  constructor(seed: number) {
    this.random = new Prng(seed);
    this.usesReservations = seed % 2 === 0;
    const diskBytesMax = [0, 800, Number.MAX_SAFE_INTEGER][seed % 3]!;
    this.hasDisk = diskBytesMax === Number.MAX_SAFE_INTEGER;
    this.plan = new StorePlan({ bytesMax: BYTES_MAX, diskBytesMax });
  }

  step(): void {
    this.nowMs += this.random.below(200);
    const act = this.#acts[this.random.below(this.#acts.length)]!;
    act();
    this.perform();
    this.check();
  }

  readonly #acts: readonly (() => void)[] = [
    () => this.#reserve(),
    () => this.#reserve(),
    () => this.#putReserved(),
    () => this.#putReserved(),
    () => void (this.usesReservations || this.#put()),
    () => this.#endSpill(this.random.below(5) > 0),
    () => this.#endSpill(true),
    () => this.#pin(),
    () => this.#unpin(),
    () => this.#read(),
    () => this.#endRead(),
    () => this.#giveUp(),
    () => this.#free(),
    () => this.#touch(),
  ];

  /** All that is under way ends, and nobody holds on to anything. */
  settle(): void {
    for (let round = 0; round < 1_000; round++) {
      const isQuiet = [this.asked, this.spilling, this.pinned].every(({ length }) => length === 0);
      if (isQuiet && !this.plan.isStuck) break;
      if (isQuiet) this.plan.tick((this.nowMs += DISK_RETRY_MS));
      while (this.pinned.length > 0) this.#unpin();
      while (this.reading.length > 0) this.#endRead();
      this.#endSpill(true);
      this.perform();
      if (this.asked.some(({ state }) => state === "granted")) this.#putReserved();
      this.perform();
      this.check();
    }
  }

  /** Nothing is in use any more, so one object may have all of the memory. */
  expectAllCanGo(): void {
    this.nowMs += DISK_RETRY_MS;
    const wanted = { object: this.#newObject(), sizeBytes: BYTES_MAX };
    this.asked.push(this.plan.reserve(wanted, true, this.nowMs));
    this.perform();
    this.settle();
    expect(this.plan.get(wanted.object)?.isInMemory).toBe(true);
  }

  perform(): void {
    for (const effect of this.plan.takeEffects()) {
      if (effect.type === "drop") {
        const { entry, isGone } = effect;
        expect(this.memory.delete(entry), "dropped twice").toBe(true);
        expect(entry.pins, "dropped while in use").toBe(0);
        expect(this.spilling.flat().includes(entry), "dropped while written").toBe(false);
        expect(isGone && entry.isKept, `${entry.object} was kept, and is gone`).toBe(false);
        expect(isGone || entry.isFreed || entry.place !== undefined).toBe(true);
      } else if (effect.type === "spill") {
        for (const entry of effect.entries) expect(this.memory.has(entry)).toBe(true);
        this.spilling.push(effect.entries);
      } else if (effect.type === "erase") {
        expect(this.disk.delete(effect.place), "erased twice").toBe(true);
        expect(this.reading.some(({ place }) => place === effect.place)).toBe(false);
      } else if (effect.type === "refuse") {
        this.refusals += 1;
        expect(MeshError.is(effect.error) && effect.error.code).toBe("STORE_FULL");
      }
    }
    for (let i = this.asked.length - 1; i >= 0; i--) {
      if (this.asked[i]!.state === "over") this.asked.splice(i, 1);
    }
  }

  check(): void {
    const { memoryBytes, diskBytes, expectedBytes, pinnedBytes, spilledBytes } = this.plan.usage();
    const sum = (sizes: Iterable<{ sizeBytes: number }>) =>
      [...sizes].reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    expect(memoryBytes).toBe(sum(this.memory));
    expect(diskBytes).toBe(sum(this.disk));
    expect(pinnedBytes).toBe(sum(new Set(this.pinned)));
    const granted = new Set(this.asked.filter(({ state }) => state === "granted"));
    expect(expectedBytes).toBe(sum(granted));
    expect(spilledBytes).toBeGreaterThanOrEqual(0);
    const limit = this.usesReservations ? BYTES_MAX : 2 * BYTES_MAX;
    expect(memoryBytes + expectedBytes).toBeLessThanOrEqual(limit);
  }

  #reserve(): void {
    const sizeBytes = 1 + this.random.below(this.random.below(4) === 0 ? 600 : 150);
    const spilled = this.#pick([...this.#entries()].filter((entry) => !entry.isInMemory));
    const wanted =
      spilled && this.random.below(2) === 0 ? spilled : { object: this.#newObject(), sizeBytes };
    const isKept = wanted === spilled || this.random.below(3) > 0;
    const { object: id, sizeBytes: bytes } = wanted;
    const asked = { object: id, sizeBytes: bytes, priority: sizeBytes % 3 };
    const request = this.plan.reserve(asked, isKept, this.nowMs);
    if (!this.asked.includes(request)) this.asked.push(request);
  }

  #putReserved(): void {
    const request = this.#pick(this.asked.filter(({ state }) => state === "granted"));
    if (!request) return;
    this.#keepTrack(request.object, request.sizeBytes);
    expect(request.state).toBe("over");
  }

  #put(): void {
    try {
      this.#keepTrack(this.#newObject(), 1 + this.random.below(150));
    } catch (error) {
      expect(MeshError.is(error) && error.code).toBe("STORE_FULL");
    }
  }

  #keepTrack(object: ObjectId, sizeBytes: number): void {
    const entry = this.plan.put(object, sizeBytes, this.nowMs);
    if (entry) this.memory.add(entry);
  }

  #endSpill(isFine: boolean): void {
    const [entries] = this.spilling.splice(this.random.below(Math.max(1, this.spilling.length)), 1);
    if (!entries) return;
    if (!isFine) return this.plan.spillFailed(entries, "the disk is full", this.nowMs);
    const places = entries.map(({ sizeBytes }, i) => ({ file: "f", offset: i, sizeBytes }));
    for (const place of places) this.disk.add(place);
    return this.plan.spilled(entries, places);
  }

  #pin(): void {
    const entry = this.#pick([...this.#entries()].filter(({ isInMemory }) => isInMemory));
    if (!entry || this.pinned.length > 3) return;
    this.plan.pin(entry);
    this.pinned.push(entry);
  }

  #unpin(): void {
    const [entry] = this.pinned.splice(this.random.below(Math.max(1, this.pinned.length)), 1);
    if (entry) this.plan.unpin(entry);
  }

  #read(): void {
    const entry = this.#pick([...this.#entries()].filter(({ place }) => place));
    if (!entry) return;
    this.plan.readBegins(entry);
    this.reading.push({ entry, place: entry.place! });
  }

  #endRead(): void {
    const [read] = this.reading.splice(this.random.below(Math.max(1, this.reading.length)), 1);
    if (read) this.plan.readEnds(read.entry);
  }

  #giveUp(): void {
    const request = this.#pick(this.asked);
    if (request) this.plan.giveUp(request);
  }

  #free(): void {
    const entry = this.#pick([...this.#entries()]);
    if (entry) this.plan.free(entry.object);
  }

  #touch(): void {
    const entry = this.#pick([...this.#entries()]);
    if (entry) this.plan.touch(entry);
  }

  *#entries(): Iterable<StoreEntry> {
    for (let i = 0; i < this.#objects; i++) {
      const entry = this.plan.get(`p.${i}` as ObjectId);
      if (entry) yield entry;
    }
  }

  #newObject(): ObjectId {
    return `p.${this.#objects++}` as ObjectId;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.random.below(Math.max(1, from.length))];
  }
}

test("whatever happens: counts are exact, limits hold, nothing kept is lost, and nobody waits for ever", () => {
  let refusals = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const world = new World(seed);
    try {
      for (let i = 0; i < STEPS; i++) world.step();
      world.settle();
      expect(world.asked).toEqual([]);
      expect(world.spilling).toEqual([]);
      if (world.usesReservations || world.hasDisk) {
        expect(world.plan.usage().memoryBytes).toBeLessThanOrEqual(BYTES_MAX);
      }
      if (world.hasDisk) world.expectAllCanGo();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    refusals += world.refusals;
  }
  // It would show nothing if there had been room for all.
  expect(refusals).toBeGreaterThan(SEEDS);
});
