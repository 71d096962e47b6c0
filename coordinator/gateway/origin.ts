import { MeshError } from "../../shared/errors.ts";

/** What a request claims about where it comes from and where it wanted to go. */
export interface RequestOrigin {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Guards against DNS rebinding (a page on evil.example whose name suddenly resolves to this machine;
 * what took Ray in CVE-2025-62593) and against pages of other sites that use a visitor's network.
 * The `Host` must be a name this coordinator is known by, and the `Origin`, if there is one, must be
 * its own or one that the operator listed.
 */
export class OriginPolicy {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  /** @param allowed more host names (`mesh.example.org`) and origins (`https://app.example.org`). */
  constructor(allowed: { readonly hosts: readonly string[]; readonly origins: readonly string[] }) {
    this.#hosts = new Set([...LOOPBACK_HOSTS, ...allowed.hosts]);
    this.#origins = new Set(allowed.origins);
  }

  /** @throws MeshError `FORBIDDEN` that says which header was wrong and which option allows it. */
  check({ host, origin }: RequestOrigin): void {
    const name = host?.replace(/:\d+$/, "");
    if (!name || !this.#hosts.has(name)) {
      throw new MeshError(
        "FORBIDDEN",
        `this coordinator does not answer to the host name ${JSON.stringify(name ?? "")}; start it with --host-name to allow it`,
      );
    }
    if (!origin || this.#origins.has(origin) || isSame(origin, host)) return;
    throw new MeshError(
      "FORBIDDEN",
      `pages of ${JSON.stringify(origin.slice(0, 200))} may not use this coordinator; start it with --allow-origin to allow them`,
    );
  }

  /** Whether a page of this origin may read answers (CORS). */
  allows(origin: string): boolean {
    return this.#origins.has(origin);
  }
}

function isSame(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false; // "null": an opaque origin, such as a sandboxed frame.
  }
}
