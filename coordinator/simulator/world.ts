import { Prng } from "../../shared/prng.ts";
import { EventHeap } from "./event-heap.ts";
import type { Scenario } from "./scenario.ts";

/** Time, chance and the record of what happened, shared by all parts of one run. */
export class World {
  readonly scenario: Scenario;
  readonly prng: Prng;
  /** Whether faults still happen. */
  faulty = true;
  /** Faults so far that may cost a task its worker or an object its copies. */
  losses = 0;
  /** Hears what went into the control plane and came out of it. */
  readonly onNote: ((text: string) => void) | undefined;
  readonly #agenda = new EventHeap<() => void>();
  #nowMs = 0;
  #digest = 0x811c9dc5;

  constructor(scenario: Scenario, onNote?: (text: string) => void) {
    this.onNote = onNote;
    this.scenario = scenario;
    // Another sequence than the one that drew the scenario.
    this.prng = new Prng(scenario.seed + 2 ** 32);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get nextAtMs(): number {
    return this.#agenda.nextAtMs;
  }

  /** FNV-1a over all that went into the control plane and came out of it. */
  get digest(): number {
    return this.#digest;
  }

  at(atMs: number, run: () => void): void {
    this.#agenda.push(Math.max(atMs, this.#nowMs), run);
  }

  after(delayMs: number, run: () => void): void {
    this.#agenda.push(this.#nowMs + delayMs, run);
  }

  /** Let the next thing happen. */
  turn(): void {
    this.#nowMs = this.#agenda.nextAtMs;
    this.#agenda.pop()();
  }

  below(bound: number): number {
    return this.prng.below(bound);
  }

  /** A fault: never once the faults are over. */
  strikes(permille: number): boolean {
    return this.faulty && permille > 0 && this.prng.chance(permille, 1000);
  }

  latencyMs(): number {
    return 1 + this.prng.below(this.scenario.latencyMsMax);
  }

  /** One of the items; `undefined` if there is none. */
  pick<T>(items: Iterable<T>): T | undefined {
    const all = [...items];
    return all[this.prng.below(all.length)];
  }

  note(text: string): void {
    this.onNote?.(text);
    for (let i = 0; i < text.length; i++) {
      this.#digest = Math.imul(this.#digest ^ text.charCodeAt(i), 0x01000193) >>> 0;
    }
  }
}
