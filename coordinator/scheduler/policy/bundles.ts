import type { Demands } from "../../../shared/protocol/schema.ts";

/**
 * Which workers hold the bundles of a placement group, all of them or none.
 *
 * Assumptions: groups are few and small beside tasks, so a greedy plan is made anew each time and
 * bundles are tried largest first; a packing that only a search would find is not found, and the
 * group waits for more room. `pack` and `spread` are wishes, their strict forms are conditions.
 */
export type PackStrategy = "pack" | "spread" | "strictPack" | "strictSpread";

/** The workers, as far as the plan needs to know them. */
export interface Fleet<Host, Bundle> {
  /** Whether the host has room for the bundle beside what is planned for it so far. */
  fits(host: Host, bundle: Bundle): boolean;
  /** A host with room for it, none of `except`. */
  find(bundle: Bundle, except: ReadonlySet<Host>): Host | undefined;
  /** A host with room for all bundles together. */
  findForAll(): Host | undefined;
  plan(host: Host, bundle: Bundle): void;
}

const NOBODY: ReadonlySet<never> = new Set();

/**
 * @param inUse hosts of those bundles of the group that have a place already.
 * @returns a host for each bundle, or `undefined` if there is none for some.
 */
export function planBundles<Host, Bundle extends { readonly demands: Demands }>(
  strategy: PackStrategy,
  bundles: readonly Bundle[],
  fleet: Fleet<Host, Bundle>,
  inUse: Iterable<Host>,
): Map<Bundle, Host> | undefined {
  const used = new Set(inUse);
  const isPacked = strategy === "pack" || strategy === "strictPack";
  if (isPacked && used.size === 0) {
    const host = fleet.findForAll();
    if (host) return new Map(bundles.map((bundle) => [bundle, host]));
    if (strategy === "strictPack") return undefined;
  }
  const hosts = new Map<Bundle, Host>();
  for (const bundle of bundles.toSorted(largestFirst)) {
    const host = strategy === "pack" ? packed(bundle) : spread(bundle);
    if (host === undefined) return undefined;
    fleet.plan(host, bundle);
    used.add(host);
    hosts.set(bundle, host);
  }
  return hosts;

  function packed(bundle: Bundle): Host | undefined {
    return amongUsed(bundle) ?? fleet.find(bundle, NOBODY);
  }

  function spread(bundle: Bundle): Host | undefined {
    const host = fleet.find(bundle, used);
    return host ?? (strategy === "strictSpread" ? undefined : amongUsed(bundle));
  }

  function amongUsed(bundle: Bundle): Host | undefined {
    for (const host of used) if (fleet.fits(host, bundle)) return host;
    return undefined;
  }
}

type Sized = { readonly demands: Demands };

const largestFirst = ({ demands: a }: Sized, { demands: b }: Sized): number =>
  b.gpuMilli - a.gpuMilli || b.cpuMilli - a.cpuMilli || b.memoryBytes - a.memoryBytes;
