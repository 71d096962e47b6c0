import { MeshError } from "../errors.ts";
import type { GroupId, ObjectId } from "../ids.ts";
import { BUNDLES_MAX } from "../protocol/limits.ts";
import { driverMessages } from "../protocol/messages.ts";
import type { CreatePlacementGroup } from "../protocol/placement-messages.ts";
import type { Driver } from "./driver.ts";
import type { GetOptions, ObjectRef } from "./object-ref.ts";
import { expectKnownOptions } from "./option-checks.ts";
import { toDemands, type ResourceOptions } from "./options.ts";
import { selectorsOf, type LabelWishes } from "./where-options.ts";

/** Resources that are reserved on one worker. */
export interface Bundle extends ResourceOptions {
  /** What the labels of that worker must be; see the option `labels` of tasks. */
  readonly labels?: LabelWishes;
}

export interface PlacementGroupOptions {
  /** From 1 to 256. Each has its place on one worker. */
  readonly bundles: readonly Bundle[];
  /**
   * `"pack"` (default) puts them on as few workers as it can, `"spread"` on as many; with
   * `"strictPack"` they get one worker, with `"strictSpread"` each its own, or no place at all.
   */
  readonly strategy?: CreatePlacementGroup["strategy"];
  /** For people: in explanations and errors. */
  readonly name?: string;
}

const STRATEGIES: readonly unknown[] = ["pack", "spread", "strictPack", "strictSpread"];
const KNOWN: readonly string[] = ["bundles", "strategy", "name"];
const BUNDLE_KNOWN: readonly string[] = ["cpus", "gpus", "memory", "resources", "labels"];

/**
 * Resources reserved together on one or several workers, all of them or none. Tasks and actors run
 * inside with the option `strategy: { group }`, or `{ group, bundle: 0 }` for one of its bundles.
 *
 * It ends with its driver, or with {@link remove}. A bundle whose worker is lost gets another place,
 * and what ran there is treated as after any loss.
 */
export class PlacementGroup {
  readonly id: string;
  /** How many bundles it has. */
  readonly size: number;
  readonly #driver: Driver;
  readonly #ready: ObjectRef;

  /** @internal */
  constructor(driver: Driver, options: PlacementGroupOptions) {
    const group = driver.ids.next<GroupId>();
    const message = messageOf(group, options);
    driver.objects.create(group as string as ObjectId, { kind: "elsewhere" });
    this.#ready = driver.objects.handle(group as string as ObjectId);
    driver.port.send(message);
    this.#driver = driver;
    this.id = group;
    this.size = message.bundles.length;
  }

  /**
   * Resolves once every bundle has its place.
   * @throws MeshError `PLACEMENT_GROUP_REMOVED`; `TIMEOUT` with what the group waits for.
   */
  async ready(options: GetOptions = {}): Promise<void> {
    await this.#driver.objects.get(this.#ready, options);
  }

  /** Where the bundles are, or what they wait for, in a sentence. */
  async explain(): Promise<string> {
    return (await this.#driver.explain(this.#ready.id)).text;
  }

  /** Give everything back. What runs inside, or waits to, fails with `PLACEMENT_GROUP_REMOVED`. */
  remove(): void {
    this.#driver.port.send({ type: "remove-placement-group", group: this.id as GroupId });
  }
}

/** @throws MeshError `INVALID_ARGUMENT` naming the option. */
function messageOf(group: GroupId, options: PlacementGroupOptions): CreatePlacementGroup {
  expectKnownOptions("placementGroup()", options, KNOWN);
  const { bundles, strategy = "pack", name = "placement group" } = options;
  if (!STRATEGIES.includes(strategy)) {
    refuse("strategy", `must be one of ${STRATEGIES.join(", ")}, not ${strategy}`);
  }
  if (!Array.isArray(bundles) || bundles.length === 0 || bundles.length > BUNDLES_MAX) {
    refuse("bundles", `must be an array of 1 to ${BUNDLES_MAX} bundles such as { cpus: 1 }`);
  }
  const message: CreatePlacementGroup = {
    type: "create-placement-group",
    group,
    name: name.slice(0, 256),
    strategy,
    bundles: bundles.map(bundleOf),
  };
  const wishes = new Set(message.bundles.map(({ labels = {} }) => JSON.stringify(labels)));
  if (strategy === "strictPack" && wishes.size > 1) {
    refuse("bundles", "of strictPack get one worker, so they must want the same labels");
  }
  if (!driverMessages.accepts(message)) refuse("bundles", driverMessages.complaint(message));
  return message;
}

function bundleOf(bundle: Bundle, index: number): CreatePlacementGroup["bundles"][number] {
  expectKnownOptions(`bundles[${index}]`, bundle, BUNDLE_KNOWN);
  const demands = toDemands(bundle, 0);
  const amounts = [demands.cpuMilli, demands.gpuMilli, demands.memoryBytes];
  if ([...amounts, ...Object.values(demands.custom ?? {})].every((amount) => amount === 0)) {
    refuse(`bundles[${index}]`, "reserves nothing; say for example { cpus: 1 }");
  }
  const { labels } = bundle;
  return labels
    ? { demands, labels: selectorsOf(`bundles[${index}].labels`, labels) }
    : { demands };
}

function refuse(option: string, why: string): never {
  throw new MeshError("INVALID_ARGUMENT", `option ${option} ${why}`, { option });
}
