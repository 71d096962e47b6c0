/** A call of user code that has returned a promise. */
interface UnfinishedCall {
  /** What its code is called in stacks. */
  readonly sourceUrl: string | undefined;
  fail(error: LeftUncaught): void;
}

/** An error that a call's code left uncaught: in a timer, or in a promise that nobody awaits. */
export class LeftUncaught extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super("left uncaught");
    this.thrown = thrown;
    known.add(this);
  }

  /** `instanceof` would ask what user code threw, which may be a revoked proxy. */
  static is(thrown: unknown): thrown is LeftUncaught {
    return known.has(thrown as object);
  }
}

const known = new WeakSet<object>();

const USER_FRAME = /manta:[^\s:)]*/g;

/** The calls of an executor that are not finished, to find whose an uncaught error is. */
export class UnfinishedCalls {
  readonly #calls = new Set<UnfinishedCall>();

  /** What the call's promise gives; rejects early if the call left an error uncaught meanwhile. */
  async settled(sourceUrl: string | undefined, result: unknown): Promise<unknown> {
    let call: UnfinishedCall | undefined;
    const failed = new Promise<never>((_resolve, reject) => {
      call = { sourceUrl, fail: reject };
      this.#calls.add(call);
    });
    try {
      return await Promise.race([failed, awaited(result)]);
    } finally {
      this.#calls.delete(call!);
    }
  }

  /**
   * An error came up outside of every call: the unfinished ones whose code is in its stack fail with
   * it. If nothing in the stack tells, it is the only unfinished call's.
   *
   * @returns false if it is ours, a bug of the executor, for which nobody's code is to blame.
   */
  blame(thrown: unknown): boolean {
    const frames = stackOf(thrown)
      .split("\n")
      .filter((line) => /^\s*at |@/.test(line));
    const sources = new Set(frames.flatMap((frame) => frame.match(USER_FRAME) ?? []));
    if (sources.size === 0 && frames.some((frame) => !isOfTheEngine(frame))) return false;
    const calls = [...this.#calls];
    const guilty =
      sources.size > 0 ? calls.filter((call) => sources.has(call.sourceUrl ?? "")) : calls;
    // Nobody is blamed on suspicion, so that one driver's slip does not fail another's task.
    if (sources.size === 0 && guilty.length > 1) return true;
    for (const call of guilty) call.fail(new LeftUncaught(thrown));
    return true;
  }
}

/** `await`, because `Promise.resolve` and `then` are the user's here, and may throw. */
async function awaited(result: unknown): Promise<unknown> {
  return await result;
}

/** Node's own modules, and what is built in. */
const isOfTheEngine = (frame: string): boolean =>
  /\(?(?:node:|native\b|<anonymous>|\[native code\])/.test(frame);

function stackOf(thrown: unknown): string {
  try {
    const { stack } = thrown as { stack?: unknown };
    return typeof stack === "string" ? stack : "";
  } catch {
    return "";
  }
}
