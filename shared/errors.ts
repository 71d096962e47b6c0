/**
 * Every failure a caller can see, one row per cause. The code is the contract: it crosses the wire,
 * it is what callers switch on, and it is never reused once released.
 *
 * `retry` says whether the *same* request may succeed later; `blame` says who must act.
 */
export const ERROR_CODES = {
  INVALID_ARGUMENT: { retry: false, blame: "caller", text: "an argument is out of its range" },
  CAPTURED_VARIABLE: {
    retry: false,
    blame: "caller",
    text: "a function uses a variable that will not exist where it runs",
  },
  NOT_ENCODABLE: { retry: false, blame: "caller", text: "a value cannot be copied to a peer" },
  TASK_FAILED: { retry: false, blame: "caller", text: "the task's own code threw" },
  TASK_CANCELLED: { retry: false, blame: "caller", text: "the task was cancelled" },
  TASK_TIMEOUT: { retry: false, blame: "caller", text: "the task ran longer than its timeoutMs" },
  WORKER_LOST: { retry: true, blame: "system", text: "the worker left before it answered" },
  RETRIES_EXHAUSTED: { retry: false, blame: "system", text: "every attempt lost its worker" },
  OBJECT_LOST: {
    retry: false,
    blame: "system",
    text: "no copy is left, and its task cannot make it again",
  },
  OBJECT_FREED: { retry: false, blame: "caller", text: "the object was freed" },
  OBJECT_TOO_LARGE: { retry: false, blame: "caller", text: "the object exceeds the store's limit" },
  STORE_FULL: { retry: true, blame: "system", text: "the peer's object store has no room" },
  ACTOR_DIED: { retry: false, blame: "system", text: "the actor has ended" },
  ACTOR_UNAVAILABLE: {
    retry: true,
    blame: "system",
    text: "the actor was lost while the call was under way, and lives again",
  },
  NAME_TAKEN: { retry: false, blame: "caller", text: "another actor has that name" },
  QUEUE_EMPTY: { retry: true, blame: "caller", text: "the queue has no item now" },
  QUEUE_FULL: { retry: true, blame: "caller", text: "the queue has no room now" },
  PLACEMENT_GROUP_REMOVED: {
    retry: false,
    blame: "caller",
    text: "the placement group was removed",
  },
  ACTOR_METHOD_UNKNOWN: { retry: false, blame: "caller", text: "the actor has no such method" },
  TIMEOUT: { retry: true, blame: "caller", text: "the caller's deadline passed" },
  PEER_UNREACHABLE: { retry: true, blame: "system", text: "no path to the peer could be opened" },
  DISCONNECTED: { retry: true, blame: "system", text: "the connection to the coordinator ended" },
  UNAUTHENTICATED: { retry: false, blame: "caller", text: "the token is unknown or expired" },
  TICKET_REFUSED: {
    retry: false,
    blame: "caller",
    text: "the object belongs to a job that the reader takes no part in",
  },
  FORBIDDEN: { retry: false, blame: "caller", text: "the token's role does not allow this" },
  PROTOCOL_VIOLATION: {
    retry: false,
    blame: "peer",
    text: "the peer sent what the protocol forbids",
  },
  VERSION_MISMATCH: { retry: false, blame: "peer", text: "no protocol version in common" },
  QUOTA_EXCEEDED: { retry: true, blame: "caller", text: "a limit of this mesh was reached" },
  NOT_FOUND: { retry: false, blame: "caller", text: "there is nothing by that name" },
  START_FAILED: { retry: false, blame: "caller", text: "a program of the mesh could not start" },
  INTERNAL: { retry: false, blame: "system", text: "a bug in Manta" },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export type ErrorDetails = Readonly<Record<string, string | number>>;

/** The one error class of the mesh. Discriminate on `code`, never on `message`. */
export class MeshError extends Error {
  override readonly name = "MeshError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retry;
  }

  /**
   * Works across realms and duplicate bundles, where `instanceof` does not. Never throws: whatever
   * user code throws is asked, and a getter or a revoked proxy answers with an exception.
   */
  static is(value: unknown): value is MeshError {
    if (typeof value !== "object" || value === null) return false;
    try {
      return "name" in value && value.name === "MeshError" && "code" in value;
    } catch {
      return false;
    }
  }
}

/**
 * Assert a fact that only a bug can break. Operating errors are `MeshError`s; a broken invariant
 * stops the process that holds the corrupt state.
 */
export function invariant(holds: unknown, message: string): asserts holds {
  if (!holds) throw new Error(`invariant broken: ${message}`);
}
