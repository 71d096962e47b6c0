import { constrainedMemory } from "node:process";
import { totalmem } from "node:os";

const STORE_SHARE = 0.3;

/** How much memory objects may take: 30 % of what this process may use at all. */
export function defaultStoreBytes(): number {
  const total = totalmem();
  // A container's limit; 0, or more than there is, where there is none.
  const limit = constrainedMemory() ?? 0;
  return Math.floor((limit > 0 && limit < total ? limit : total) * STORE_SHARE);
}
