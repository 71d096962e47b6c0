import { createHash } from "node:crypto";
import { MeshError } from "../../shared/errors.ts";
import { PACKAGE_BYTES_MAX } from "../../shared/protocol/limits.ts";

const STORE_BYTES_MAX = 256 * 2 ** 20;

/**
 * User code by the SHA-256 of its bytes: a name that cannot lie. The least recently used packages
 * go when the store is full; a driver that still has one uploads it again.
 */
export class PackageStore {
  readonly #packages = new Map<string, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  /** @throws MeshError `INVALID_ARGUMENT` if the bytes do not have that hash. */
  put(sha256: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#packages.has(sha256)) return;
    if (bytes.byteLength > PACKAGE_BYTES_MAX) {
      throw new MeshError("OBJECT_TOO_LARGE", `a package has at most ${PACKAGE_BYTES_MAX} bytes`);
    }
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (actual !== sha256) {
      throw new MeshError("INVALID_ARGUMENT", `the bytes' SHA-256 is ${actual}, not ${sha256}`);
    }
    this.#packages.set(sha256, bytes);
    this.#bytes += bytes.byteLength;
    for (const [oldest, old] of this.#packages) {
      if (this.#bytes <= STORE_BYTES_MAX) break;
      this.#packages.delete(oldest);
      this.#bytes -= old.byteLength;
    }
  }

  /** @throws MeshError `NOT_FOUND`. */
  get(sha256: string): Uint8Array<ArrayBuffer> {
    const bytes = this.#packages.get(sha256);
    if (!bytes) {
      throw new MeshError("NOT_FOUND", `no package ${sha256.slice(0, 64)}; upload it first`);
    }
    this.#packages.delete(sha256);
    this.#packages.set(sha256, bytes); // Now the most recently used one.
    return bytes;
  }
}
