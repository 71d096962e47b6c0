import { createHash, randomBytes } from "node:crypto";
import { MeshError } from "../../shared/errors.ts";

/** What a token allows. `admin` allows everything, and every role may look (`view`). */
export const TOKEN_ROLES = ["submit", "contribute", "view", "admin"] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

interface TokenRecord {
  readonly role: TokenRole;
  readonly expiresAtEpochMs: number;
}

/** How long an expired token is remembered, so that its bearer hears "expired" and not "unknown". */
const REMEMBERED_MS = 24 * 3_600_000;

/**
 * The tokens of this mesh. Only hashes are kept, and a look-up is by hash: neither a comparison's
 * duration nor a memory dump tells a token.
 */
export class Tokens {
  readonly #records = new Map<string, TokenRecord>();
  readonly #nowEpochMs: () => number;

  constructor(nowEpochMs: () => number = Date.now) {
    this.#nowEpochMs = nowEpochMs;
  }

  /** Make a token; without `validMs` it is good as long as the coordinator runs. */
  mint(role: TokenRole, validMs = Number.POSITIVE_INFINITY): string {
    const token = `manta_${role}_${randomBytes(16).toString("hex")}`;
    this.add(token, role, validMs);
    return token;
  }

  /** Accept a token that was chosen elsewhere, such as one from the environment. */
  add(token: string, role: TokenRole, validMs = Number.POSITIVE_INFINITY): void {
    this.#sweep();
    this.#records.set(hash(token), { role, expiresAtEpochMs: this.#nowEpochMs() + validMs });
  }

  /**
   * The role of a token, which must be one of `allowed` or `admin`.
   * @throws MeshError `UNAUTHENTICATED` (no, unknown or expired token) or `FORBIDDEN`.
   */
  require(token: string | undefined, allowed: readonly TokenRole[]): TokenRole {
    if (!token) {
      throw new MeshError(
        "UNAUTHENTICATED",
        "a token is needed; `manta start` prints one for each role",
      );
    }
    const record = this.#records.get(hash(token));
    if (!record) {
      throw new MeshError(
        "UNAUTHENTICATED",
        "this token is unknown to the coordinator; copy the URL that `manta start` printed last (a restart makes new tokens)",
      );
    }
    const expiredMs = this.#nowEpochMs() - record.expiresAtEpochMs;
    if (expiredMs >= 0) {
      throw new MeshError(
        "UNAUTHENTICATED",
        `this token expired ${Math.ceil(expiredMs / 1000)} s ago; ask an admin of the mesh for a new one`,
      );
    }
    if (record.role !== "admin" && !allowed.includes(record.role)) {
      const roles = allowed.length > 0 ? allowed : ["admin"];
      throw new MeshError(
        "FORBIDDEN",
        `a ${record.role} token does not allow this; it takes ${roles.join(" or ")}: \`manta start\` prints a token of each role`,
      );
    }
    return record.role;
  }

  #sweep(): void {
    const nowMs = this.#nowEpochMs();
    for (const [key, { expiresAtEpochMs }] of this.#records) {
      if (expiresAtEpochMs + REMEMBERED_MS < nowMs) this.#records.delete(key);
    }
  }
}

const hash = (token: string): string => createHash("sha256").update(token).digest("base64");
