import Type, { type Static } from "typebox";
import type { GroupId } from "../ids.ts";
import { BUNDLES_MAX } from "./limits.ts";
import { count, demands, id, labelSelectors, text } from "./schema.ts";

/** How a worker is chosen among those that could; without one, by the default policy. */
export const strategy = Type.Union([
  Type.Literal("spread"),
  /** The worker with this id or name; a soft one stands back while it has no room. */
  Type.Object({ worker: text(64), isSoft: Type.Boolean() }),
  /** Inside a placement group: in one of its bundles, or in any. */
  Type.Object({ group: id<GroupId>(), bundle: Type.Optional(count(BUNDLES_MAX - 1)) }),
]);
export type Strategy = Static<typeof strategy>;

/** Reserve bundles of resources together. The object with the group's id exists once they are. */
const createPlacementGroup = Type.Object({
  type: Type.Literal("create-placement-group"),
  group: id<GroupId>(),
  name: text(256),
  strategy: Type.Enum(["pack", "spread", "strictPack", "strictSpread"]),
  bundles: Type.Array(Type.Object({ demands, labels: Type.Optional(labelSelectors) }), {
    minItems: 1,
    maxItems: BUNDLES_MAX,
  }),
});
export type CreatePlacementGroup = Static<typeof createPlacementGroup>;

export const placementGroupMessages = {
  "create-placement-group": createPlacementGroup,
  /** What runs in it, or waits to, fails. */
  "remove-placement-group": Type.Object({
    type: Type.Literal("remove-placement-group"),
    group: id<GroupId>(),
  }),
};
