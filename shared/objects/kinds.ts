/** Which built-in an object is, told by its internal slots as structured clone does. */
export type Kind =
  | "ArrayBuffer"
  | "BigInt"
  | "Boolean"
  | "Date"
  | "Error"
  | "Map"
  | "Number"
  | "RegExp"
  | "Set"
  | "SharedArrayBuffer"
  | "String";

type Proof = (value: object) => unknown;

const getter = (prototype: object, name: string | symbol): Proof => {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
  return (value) => descriptor.get!.call(value) as unknown;
};

/** Each throws unless its argument has the slots: a `Symbol.toStringTag` alone proves nothing. */
const PROOFS: Readonly<Partial<Record<Kind, Proof>>> = {
  ArrayBuffer: getter(ArrayBuffer.prototype, "byteLength"),
  BigInt: (value) => BigInt.prototype.valueOf.call(value),
  Boolean: (value) => Boolean.prototype.valueOf.call(value),
  Date: (value) => Date.prototype.getTime.call(value),
  Map: getter(Map.prototype, "size"),
  Number: (value) => Number.prototype.valueOf.call(value),
  RegExp: getter(RegExp.prototype, "source"),
  Set: getter(Set.prototype, "size"),
  String: (value) => String.prototype.valueOf.call(value),
  // Pages that are not cross-origin isolated do not have it.
  ...(typeof SharedArrayBuffer === "function" && {
    SharedArrayBuffer: getter(SharedArrayBuffer.prototype, "byteLength"),
  }),
};

const INSTANCES: readonly (readonly [Kind, abstract new (...args: never[]) => object])[] = [
  ["Error", Error],
  ["Map", Map],
  ["Set", Set],
  ["Date", Date],
  ["RegExp", RegExp],
  ["ArrayBuffer", ArrayBuffer],
];

export const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

/** @returns undefined for everything else: class instances, and objects of the host. */
export function kindOf(value: object, tag: string): Kind | undefined {
  if (tag === "Error" || proves(tag as Kind, value)) return tag as Kind;
  // A subclass may have a toStringTag of its own, as DOMException does.
  for (const [kind, Class] of INSTANCES) {
    if (value instanceof Class && (kind === "Error" || proves(kind, value))) return kind;
  }
  return undefined;
}

function proves(kind: Kind, value: object): boolean {
  if (!Object.hasOwn(PROOFS, kind)) return false;
  try {
    PROOFS[kind]!(value);
    return true;
  } catch {
    return false;
  }
}

const viewName = getter(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag);

/** The name of a view's built-in class, whatever subclass of it the view is. */
export const viewNameOf = (view: ArrayBufferView<ArrayBufferLike>): string =>
  (viewName(view) as string | undefined) ?? "DataView";
