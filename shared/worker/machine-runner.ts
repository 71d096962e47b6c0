import type { Clock } from "../clock.ts";
import { needsTicks } from "./machine/deadlines.ts";
import { step } from "./machine/step.ts";
import type { MachineEffect, MachineEvent, MachineState } from "./machine/types.ts";

/** An event as its source sees it; the runner stamps the time. */
export type Stimulus = MachineEvent extends infer E
  ? E extends unknown
    ? Omit<E, "atMs">
    : never
  : never;

const TICK_MS = 50;

/**
 * The only caller of `step`: one event in, its effects out, then the next event. An effect may cause
 * an event at once; such events wait their turn, so `step` is never re-entered.
 */
export class MachineRunner {
  readonly state: MachineState;
  readonly #clock: Clock;
  readonly #perform: (effect: MachineEffect) => void;
  #inbox: Stimulus[] = [];
  #isStepping = false;
  #isStopped = false;
  #cancelTick: (() => void) | undefined;

  constructor(state: MachineState, clock: Clock, perform: (effect: MachineEffect) => void) {
    this.state = state;
    this.#clock = clock;
    this.#perform = perform;
  }

  dispatch(stimulus: Stimulus): void {
    if (this.#isStopped) return;
    this.#inbox.push(stimulus);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      while (this.#inbox.length > 0) {
        const batch = this.#inbox;
        this.#inbox = [];
        for (const next of batch) this.#step(next);
      }
    } finally {
      this.#isStepping = false;
    }
    this.#tickLater();
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#isStopped = true;
    this.#inbox = [];
    this.#cancelTick?.();
  }

  #step(stimulus: Stimulus): void {
    // In place: the stimulus is this runner's own, and a copy would cost as much as the step.
    const event = Object.assign(stimulus, { atMs: this.#clock.nowMs() }) as MachineEvent;
    for (const effect of step(this.state, event)) this.#perform(effect);
  }

  #tickLater(): void {
    if (this.#cancelTick || !needsTicks(this.state)) return;
    this.#cancelTick = this.#clock.after(TICK_MS, () => {
      this.#cancelTick = undefined;
      this.dispatch({ type: "tick" });
    });
  }
}
