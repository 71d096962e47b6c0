import fc from "fast-check";
import { expect, test } from "vitest";
import type { ActorId, ObjectId } from "../ids.ts";
import type { Call, CallDone } from "../protocol/link-messages.ts";
import { CalleeLedger, CallerLedger, type CallRequest, type PendingCall } from "./call-ledger.ts";

const request = (n: number): CallRequest => ({
  actor: "p.a" as ActorId,
  result: `p.${n}` as ObjectId,
  method: "m",
  args: Uint8Array.of(n),
});

const doneFor = (sequence: number, inlineBytes = 1): CallDone => ({
  type: "call-done",
  actor: "p.a" as ActorId,
  lane: 0,
  sequence,
  sizeBytes: inlineBytes,
  inline: new Uint8Array(inlineBytes).fill(sequence),
});

/** One connection: keeps order, and when it breaks it loses any part of the end of each direction. */
interface Wire {
  readonly calls: Call[];
  readonly answers: CallDone[];
  isUp: boolean;
  /** Whether the callee knows that it is not up. Nothing more arrives there by it then. */
  isNoticed: boolean;
}

/** A caller and a callee that are joined by wires which break; the steps are drawn by fast-check. */
class Calls {
  readonly caller = new CallerLedger<number>(0);
  readonly callee = new CalleeLedger();
  readonly ran: number[] = [];
  readonly answered = new Map<number, number>();
  /** Given up by the caller: they may have run or not. */
  readonly given = new Set<number>();
  made = 0;
  readonly #calls: PendingCall<number>[] = [];
  #running: number[] = [];
  /** The newest is last. Old ones still deliver what they did not lose, at any later time. */
  readonly #wires: Wire[] = [];
  #calleeWire: Wire | undefined;

  call(): void {
    const pending = this.caller.add(request(this.made), this.made);
    this.#calls.push(pending);
    this.made++;
    const wire = this.#current;
    if (!wire) return;
    pending.deliveries = 1;
    wire.calls.push({ ...pending.call });
  }

  connect(): void {
    if (this.#current) return;
    const wire: Wire = { calls: [], answers: [], isUp: true, isNoticed: false };
    this.#wires.push(wire);
    for (const call of this.caller.takeForResend()) wire.calls.push({ ...call });
  }

  cut(callsKept: number, answersKept: number): void {
    const wire = this.#current;
    if (!wire) return;
    wire.isUp = false;
    wire.calls.length = Math.min(wire.calls.length, callsKept);
    wire.answers.length = Math.min(wire.answers.length, answersKept);
  }

  deliverCall(pick: number): void {
    const wire = this.#pick(pick);
    const call = wire?.calls.shift();
    if (!wire || !call) return;
    this.#calleeWire = wire;
    const verdict = this.callee.receive(call.sequence, call.acknowledged);
    expect(verdict).not.toBe("violation");
    if (verdict === "run") {
      expect(call.args[0]).toBe(call.sequence & 0xff);
      this.ran.push(call.sequence);
      this.#running.push(call.sequence);
    } else if (typeof verdict === "object" && wire.isUp) {
      wire.answers.push(verdict);
    }
  }

  /** Some call that runs comes to its end: not always the first. */
  finish(pick: number): void {
    if (this.#running.length === 0) return;
    const [sequence] = this.#running.splice(pick % this.#running.length, 1);
    const done = doneFor(sequence!);
    if (this.callee.answered(done) && this.#calleeWire?.isUp) this.#calleeWire.answers.push(done);
  }

  deliverAnswer(pick: number): void {
    const done = this.#pick(pick)?.answers.shift();
    const pending = done && this.caller.settle(done);
    if (!pending) return;
    expect(this.answered.has(pending.waiter)).toBe(false);
    this.answered.set(pending.waiter, done.inline![0]!);
  }

  giveUp(): void {
    for (const { waiter } of this.caller.giveUp()) this.given.add(waiter);
  }

  /** The time of any one call is up: not always that of the first. */
  giveUpOne(pick: number): void {
    const pending = this.#calls[pick % this.#calls.length];
    if (pending && this.caller.giveUpOne(pending)) this.given.add(pending.waiter);
  }

  /** What hosts do when a link broke: answers that may have gone by it go again by an open one. */
  noticeBreak(): void {
    const broken = this.#wires.find(({ isUp, isNoticed }) => !isUp && !isNoticed);
    if (!broken) return;
    broken.isNoticed = true;
    broken.calls.length = 0;
    if (!this.#current) return;
    if (this.#calleeWire === broken) this.#calleeWire = this.#current;
    for (const done of this.callee.kept()) this.#current.answers.push(done);
  }

  settle(): void {
    this.connect();
    while (this.answered.size + this.given.size < this.made) {
      const before = this.#left;
      for (let wire = 0; wire < this.#wires.length; wire++) {
        this.deliverCall(wire);
        this.deliverAnswer(wire);
      }
      this.finish(0);
      this.noticeBreak();
      if (this.#left === before) return;
    }
  }

  /** Changes as long as anything moves. */
  get #left(): string {
    // A break that is noticed puts answers back: without it the sums could be as before.
    const inWires = this.#wires.map(({ calls, answers, isNoticed }) => [
      calls.length,
      answers.length,
      isNoticed,
    ]);
    return [...inWires, this.ran.length, this.#running.length, this.answered.size].join();
  }

  get #current(): Wire | undefined {
    const newest = this.#wires.at(-1);
    return newest?.isUp ? newest : undefined;
  }

  #pick(pick: number): Wire | undefined {
    return this.#wires[pick % this.#wires.length];
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant(["call"] as const) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("deliverCall" as const), fc.nat(9)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("finish" as const), fc.nat(9)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("deliverAnswer" as const), fc.nat(9)) },
  { weight: 2, arbitrary: fc.constant(["connect"] as const) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("cut" as const), fc.nat(4), fc.nat(4)) },
  { weight: 1, arbitrary: fc.constant(["noticeBreak"] as const) },
);
const stepOrGiveUp = fc.oneof(
  { weight: 25, arbitrary: step },
  { weight: 1, arbitrary: fc.constant(["giveUp"] as const) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("giveUpOne" as const), fc.nat(200)) },
);

function play(steps: readonly (readonly [string, ...number[]])[]): Calls {
  const calls = new Calls();
  for (const [name, ...picks] of steps) {
    (calls[name as "call"] as (...picks: number[]) => void).apply(calls, picks);
  }
  calls.settle();
  return calls;
}

const many = { minLength: 20, maxLength: 200 };

test("[C2] [C3] [C4] over links that break, each call runs exactly once, in order, and is answered", () => {
  let broken = 0;
  fc.assert(
    fc.property(fc.array(step, many), (steps) => {
      const { made, ran, answered } = play(steps);
      const all = Array.from({ length: made }, (_, n) => n);
      expect(ran).toEqual(all);
      expect([...answered.keys()].toSorted((a, b) => a - b)).toEqual(all);
      for (const [call, value] of answered) expect(value).toBe(call);
      broken += steps.filter(([name]) => name === "cut").length;
    }),
    { numRuns: 2_000 },
  );
  expect(broken).toBeGreaterThan(2_000);
});

test("[C5] calls that are given up run at most once, and those after them are not held up", () => {
  fc.assert(
    fc.property(fc.array(stepOrGiveUp, many), (steps) => {
      const { made, ran, answered, given } = play(steps);
      expect(ran).toEqual([...new Set(ran)].toSorted((a, b) => a - b));
      for (let call = 0; call < made; call++) expect(answered.has(call)).toBe(!given.has(call));
    }),
    { numRuns: 2_000 },
  );
});

test("answers are forgotten when they are acknowledged, in a call or in a message of its own", () => {
  const callee = new CalleeLedger();
  for (let n = 0; n < 4; n++) {
    expect(callee.receive(n, 0)).toBe("run");
    callee.answered(doneFor(n));
  }
  expect(callee.receive(4, 2)).toBe("run");
  expect([...callee.kept()].map(({ sequence }) => sequence)).toEqual([2, 3]);
  callee.acknowledge(4);
  expect([...callee.kept()]).toEqual([]);
  expect(callee.unanswered()).toEqual([4]);
});

test("a caller without a next call acknowledges after many answers", () => {
  const caller = new CallerLedger<number>(0);
  for (let n = 0; n < 2_000; n++) caller.add(request(n), n);
  const told: number[] = [];
  for (let n = 0; n < 2_000; n++) {
    caller.settle(doneFor(n));
    const acknowledged = caller.dueAcknowledgement();
    if (acknowledged !== undefined) told.push(acknowledged);
  }
  expect(told).toEqual([1_024]);
});

test("answers that nobody takes are bounded: the oldest become an error that says they ran", () => {
  const callee = new CalleeLedger(1_000);
  for (let n = 0; n < 20; n++) {
    callee.receive(n, 0);
    callee.answered(doneFor(n, 100));
  }
  const kept = [...callee.kept()];
  const bytes = kept.reduce((sum, { inline }) => sum + (inline?.length ?? 0), 0);
  expect(bytes).toBeLessThanOrEqual(1_000);
  expect(kept).toHaveLength(20);
  expect(kept[0]?.error?.message).toMatch(/call 0 of actor p.a ran, but its answer was dropped/);
  expect(kept[19]?.inline).toHaveLength(100);
});

test("numbers that no honest caller sends are a violation, and cost nothing", () => {
  const callee = new CalleeLedger();
  expect(callee.receive(0, 0)).toBe("run");
  expect(callee.receive(2 ** 18, 0)).toBe("violation");
  expect(callee.receive(1, 2)).toBe("violation");
  expect(callee.receive(2 ** 52, 2 ** 52)).toBe("run");
  expect(callee.receive(2 ** 52 + 2 ** 20, 2 ** 52)).toBe("violation");
});

test("numbers that were left out cost nothing at the end: only calls that run are unanswered", () => {
  const callee = new CalleeLedger();
  expect(callee.receive(1, 0)).toBe("run");
  expect(callee.receive(5, 0)).toBe("run");
  expect(callee.receive(2 ** 18 - 1, 0)).toBe("run");
  callee.answered(doneFor(5));
  expect(callee.unanswered()).toEqual([1, 2 ** 18 - 1]);
  callee.acknowledge(2);
  expect(callee.unanswered()).toEqual([2 ** 18 - 1]);
});
