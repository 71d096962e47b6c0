import type { Call, CallDone } from "../protocol/link-messages.ts";

/**
 * The book-keeping of actor calls, without I/O: what makes each call run at most once and in order,
 * and each answer arrive, while links break and come back.
 *
 *   C1. A caller numbers its calls to one actor from 0, in one lane.
 *   C2. On a new link it sends every unanswered call again, lowest number first. A link keeps order.
 *   C3. The callee runs a number at most once, and never a lower one after a higher one.
 *   C4. It keeps an answer until the caller has acknowledged it. It sends it again when the call comes
 *       again, and when any link to the caller broke while another is open.
 *   C5. `acknowledged` is the lowest number the caller still wants an answer to. What is below and was
 *       never seen by the callee, the caller gave up; so it did with a number that is left out (C2).
 *   C6. A lane belongs to one life of the actor: from its construction to its end or its next
 *       construction. A call runs in the life that it names, or not at all.
 *   C7. When a life is over, its unanswered calls go to the next one, in a new lane and in their old
 *       order, if they have not run or have retries left. The others fail with `ACTOR_UNAVAILABLE`.
 *   C8. Only a call that may have run uses up a retry.
 */

/** What the caller says of a call; the ledger adds the numbers. */
export type CallRequest = Omit<Call, "type" | "life" | "lane" | "sequence" | "acknowledged"> & {
  /** How often it may be sent again to a later life (C7). Default: as the actor's options say. */
  readonly retriesMax?: number;
  /** After so long without an answer the caller gives it up. It may run nevertheless. */
  readonly timeoutMs?: number;
};

export interface PendingCall<Waiter> {
  request: CallRequest;
  waiter: Waiter;
  call: Call;
  /** How often it was handed to a link that leads to this life: not at all means it has not run. */
  deliveries: number;
  /** How often it was sent to another life although it may have run before. */
  retries: number;
  /** Whoever made it has ended: nobody waits for the answer. */
  isDisowned: boolean;
}

/** Answers are acknowledged with the next call; if none comes, after so many answers or bytes. */
const ACK_EVERY_ANSWERS = 1_024;
const ACK_EVERY_BYTES = 1024 * 1024;

/** The caller's half, for one life of one actor. `Waiter` is whatever is to be told the answer. */
export class CallerLedger<Waiter> {
  readonly lane: number;
  #life = 0;
  readonly #pending = new Map<number, PendingCall<Waiter>>();
  #next = 0;
  /** Every call below is settled. */
  #floor = 0;
  #untoldAnswers = 0;
  #untoldBytes = 0;

  constructor(lane: number) {
    this.lane = lane;
  }

  /** Calls without an answer. */
  get size(): number {
    return this.#pending.size;
  }

  /** Which life they are for, once that is known: before any of them is sent. */
  set life(life: number) {
    this.#life = life;
    for (const { call } of this.#pending.values()) call.life = life;
  }

  add(request: CallRequest, waiter: Waiter): PendingCall<Waiter> {
    const call = this.#number(request);
    const pending = { request, waiter, call, deliveries: 0, retries: 0, isDisowned: false };
    this.#pending.set(call.sequence, pending);
    return pending;
  }

  /** Take over a call that another ledger gave up. */
  adopt(pending: PendingCall<Waiter>): void {
    pending.call = this.#number(pending.request);
    pending.deliveries = 0;
    this.#pending.set(pending.call.sequence, pending);
  }

  #number(request: CallRequest): Call {
    const { actor, result, method, args, group, dependencies, contained, retriesMax } = request;
    const { lane } = this;
    const sequence = this.#next++;
    const acknowledged = this.#tell();
    const call: Call = {
      type: "call",
      actor,
      lane,
      sequence,
      result,
      method,
      args,
      acknowledged,
    };
    if (this.#life > 0) call.life = this.#life;
    if (group !== undefined) call.group = group;
    if (retriesMax !== undefined) call.retriesMax = retriesMax;
    if (dependencies) call.dependencies = dependencies;
    if (contained) call.contained = contained;
    return call;
  }

  /** Everything that a new link has to carry, in order. It counts as sent from now on. */
  takeForResend(): Call[] {
    const acknowledged = this.#tell();
    return Array.from(this.#pending.values(), (pending) => {
      pending.deliveries++;
      pending.call.acknowledged = acknowledged;
      return pending.call;
    });
  }

  /** What was never sent, in order. It counts as sent from now on. */
  takeUnsent(): Call[] {
    const unsent = [...this.#pending.values()].filter(({ deliveries }) => deliveries === 0);
    return unsent.map((pending) => {
      pending.deliveries = 1;
      return pending.call;
    });
  }

  /** The call that an answer is for, unless it was answered or given up before. */
  find(done: CallDone): PendingCall<Waiter> | undefined {
    return done.lane === this.lane ? this.#pending.get(done.sequence) : undefined;
  }

  /** @returns the call that this answers; nothing if it was answered or given up before. */
  settle(done: CallDone): PendingCall<Waiter> | undefined {
    const pending = this.find(done);
    if (!pending) return undefined;
    this.#pending.delete(done.sequence);
    this.#untoldAnswers++;
    this.#untoldBytes += done.inline?.byteLength ?? 0;
    this.#raiseFloor();
    return pending;
  }

  /** Those without an answer, in order; a copy, as some may be given up meanwhile. */
  pending(): PendingCall<Waiter>[] {
    return [...this.#pending.values()];
  }

  /** The call that is to give this result. Rare, so nothing is kept to find it by. */
  findResult(result: string): PendingCall<Waiter> | undefined {
    for (const pending of this.#pending.values()) {
      if (pending.request.result === result) return pending;
    }
    return undefined;
  }

  /** Give up every call. They are not sent any more. */
  giveUp(): PendingCall<Waiter>[] {
    const given = [...this.#pending.values()];
    this.#pending.clear();
    this.#raiseFloor();
    return given;
  }

  /** Give up this one. @returns false if it was answered, or is another ledger's by now. */
  giveUpOne({ call: { sequence } }: PendingCall<Waiter>): boolean {
    const isGiven = this.#pending.delete(sequence);
    this.#raiseFloor();
    return isGiven;
  }

  /** The number to acknowledge now in a message of its own, if the callee keeps many answers. */
  dueAcknowledgement(): number | undefined {
    const isDue = this.#untoldAnswers >= ACK_EVERY_ANSWERS || this.#untoldBytes >= ACK_EVERY_BYTES;
    return isDue ? this.#tell() : undefined;
  }

  #tell(): number {
    this.#untoldAnswers = 0;
    this.#untoldBytes = 0;
    return this.#floor;
  }

  #raiseFloor(): void {
    while (this.#floor < this.#next && !this.#pending.has(this.#floor)) this.#floor++;
  }
}

/** Unacknowledged calls of one caller to one actor. Honest callers stay far below. */
const CALLS_WINDOW_MAX = 2 ** 18;
/** Answers kept for one caller of one actor: over it, the oldest are replaced by an error. */
const KEPT_BYTES_MAX = 64 * 2 ** 20;

/** What to do with a call that arrived: run it, send its answer again, nothing, or blame the peer. */
export type Verdict = "run" | "ignore" | "violation" | CallDone;

/** The callee's half, for one caller of one actor. */
export class CalleeLedger {
  readonly #keptBytesMax: number;
  readonly #answers = new Map<number, CallDone>();
  /** Calls that run or wait to run, lowest first. */
  readonly #running = new Set<number>();
  /** Above every number that was seen. */
  #next = 0;
  #floor = 0;
  #keptBytes = 0;

  constructor(keptBytesMax: number = KEPT_BYTES_MAX) {
    this.#keptBytesMax = keptBytesMax;
  }

  receive(sequence: number, acknowledged: number): Verdict {
    if (acknowledged > sequence) return "violation";
    this.acknowledge(acknowledged);
    if (sequence - this.#floor >= CALLS_WINDOW_MAX) return "violation";
    if (sequence < this.#next) return this.#answers.get(sequence) ?? "ignore";
    this.#next = sequence + 1;
    this.#running.add(sequence);
    return "run";
  }

  /** The caller has every answer below this number. */
  acknowledge(acknowledged: number): void {
    if (acknowledged <= this.#floor) return;
    if (acknowledged - this.#floor <= this.#answers.size) {
      for (let sequence = this.#floor; sequence < acknowledged; sequence++) this.#drop(sequence);
    } else {
      for (const sequence of this.#answers.keys()) {
        if (sequence < acknowledged) this.#drop(sequence);
      }
    }
    this.#floor = acknowledged;
    for (const sequence of this.#running) {
      if (sequence >= acknowledged) break;
      this.#running.delete(sequence);
    }
  }

  /** The caller gave it up. @returns false if it was answered or given up before. */
  giveUp(sequence: number): boolean {
    return this.#running.delete(sequence);
  }

  /** @returns whether anyone still waits for this answer: it is kept then, and is to be sent. */
  answered(done: CallDone): boolean {
    const { sequence } = done;
    this.#running.delete(sequence);
    if (sequence < this.#floor || this.#answers.has(sequence)) return false;
    this.#answers.set(sequence, done);
    this.#keptBytes += done.inline?.byteLength ?? 0;
    if (this.#keptBytes > this.#keptBytesMax) this.#shed();
    return true;
  }

  /** Answers that were not acknowledged, to be sent again when a link they went by broke. */
  kept(): Iterable<CallDone> {
    return this.#answers.values();
  }

  /** Calls that run or wait to run. Not numbers that were left out: nobody waits for those (C5). */
  unanswered(): number[] {
    return [...this.#running];
  }

  #drop(sequence: number): void {
    this.#keptBytes -= this.#answers.get(sequence)?.inline?.byteLength ?? 0;
    this.#answers.delete(sequence);
  }

  /** Half of them go, so that this is rare. */
  #shed(): void {
    for (const [sequence, { inline, ...done }] of this.#answers) {
      if (this.#keptBytes <= this.#keptBytesMax / 2) return;
      if (!inline) continue;
      this.#keptBytes -= inline.byteLength;
      const message =
        `call ${sequence} of actor ${done.actor} ran, but its answer was dropped: the caller took ` +
        `none of ${this.#keptBytesMax} bytes of answers; fetch answers as they come`;
      this.#answers.set(sequence, {
        ...done,
        sizeBytes: 0,
        error: { code: "QUOTA_EXCEEDED", message },
      });
    }
  }
}
