import type { Clock } from "../clock.ts";
import { MeshError, type ErrorCode } from "../errors.ts";
import { BackOff } from "./back-off.ts";

/** Trying again will not help. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "VERSION_MISMATCH",
  "INVALID_ARGUMENT",
]);

/** What lives as long as one session with the coordinator. */
export interface Session {
  readonly ended: Promise<MeshError>;
  /** Resolves when the coordinator has it leave. */
  readonly drained: Promise<void>;
  /** Have others keep what only this worker has. */
  handOver(reason: string): Promise<void>;
  leave(reason: string): void;
}

export interface MembershipOptions<S extends Session> {
  readonly clock: Clock;
  /** Connect and introduce this worker: as a new peer each time. */
  join(): Promise<S>;
  onJoined(session: S): void;
  /** The coordinator is lost, or cannot be reached. Told once per outage, however long it lasts. */
  onOutage(reason: MeshError): void;
  /** An attempt to join failed, or a session is over: what it opened can be closed. */
  onOver?(): void;
}

/** Keeps a worker in the mesh: joins, and joins again for ever when the coordinator is lost. */
export class Membership<S extends Session> {
  /** Rejects if the coordinator refused it for good, or it was stopped before. */
  readonly joined: Promise<void>;
  /** Resolves when it is over: with a reason unless it was stopped or drained. */
  readonly ended: Promise<MeshError | undefined>;
  readonly #options: MembershipOptions<S>;
  readonly #backOff: BackOff;
  #first!: { resolve(): void; reject(error: MeshError): void };
  #session: S | undefined;
  #stopping: string | undefined;

  constructor(options: MembershipOptions<S>) {
    this.#options = options;
    this.#backOff = new BackOff(options.clock);
    this.joined = new Promise((resolve, reject) => (this.#first = { resolve, reject }));
    // Whoever does not wait for it hears of it by `ended`.
    this.joined.catch(() => undefined);
    this.ended = this.#stay();
  }

  /** The session of now, or the last one. */
  get session(): S | undefined {
    return this.#session;
  }

  /** Hand over what only this worker has, say goodbye, and join no more. */
  async retire(reason: string): Promise<void> {
    this.#stopping ??= reason;
    this.#backOff.stop();
    await this.#session?.handOver(reason);
    this.#session?.leave(reason);
  }

  /** Say goodbye at once, and join no more. */
  stop(reason: string): void {
    this.#stopping ??= reason;
    this.#backOff.stop();
    this.#session?.leave(reason);
  }

  async #stay(): Promise<MeshError | undefined> {
    let isOutage = false;
    while (this.#stopping === undefined) {
      const reason = await this.#untilOver(() => (isOutage = false));
      if (this.#stopping !== undefined) break;
      if (FINAL.has(reason.code)) {
        this.#first.reject(reason);
        return reason;
      }
      if (!isOutage) this.#options.onOutage(reason);
      isOutage = true;
      await this.#backOff.wait();
    }
    this.#first.reject(new MeshError("DISCONNECTED", `it had not joined: ${this.#stopping}`));
    return undefined;
  }

  async #untilOver(onJoined: () => void): Promise<MeshError> {
    try {
      const session = await this.#options.join();
      this.#session = session;
      if (this.#stopping === undefined) {
        onJoined();
        this.#backOff.reset();
        this.#options.onJoined(session);
        this.#first.resolve();
        void session.drained.then(() => this.retire("it was drained"));
      } else {
        session.leave(this.#stopping);
      }
      return await session.ended;
    } catch (error) {
      if (MeshError.is(error)) return error;
      throw error;
    } finally {
      this.#options.onOver?.();
    }
  }
}
