import { ERROR_CODES, MeshError, type ErrorDetails } from "../errors.ts";
import { decodeValue, encodeValue } from "../objects/codec.ts";
import { THROWN_BYTES_MAX } from "./limits.ts";
import { cut } from "./texts.ts";

/**
 * What user code threw, so that it arrives as what it is: an error with its class, its own
 * properties, its causes and its errors; or whatever else was thrown, itself. What cannot be copied
 * stays behind, and the whole is bounded: an error must arrive in any case.
 */

type PackedError = {
  /** The built-in class it is an instance of. */
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly data?: Record<string, unknown>;
  readonly cause?: Packed;
  readonly errors?: Packed[];
};
type Packed = PackedError | { readonly kind: "value"; readonly value: unknown };

const CLASSES: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const DEPTH_MAX = 5;
const ERRORS_MAX = 16;
const PROPERTIES_MAX = 32;
const KEY_CHARS_MAX = 128;
const PROPERTY_BYTES_MAX = 4_096;
const NAME_CHARS_MAX = 256;
const MESSAGE_CHARS_MAX = 2_048;
const STACK_CHARS_MAX = 4_096;
/** Of the same error: what travels in fields of its own. */
const TOLD_APART: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors"]);

/**
 * @returns the bytes; nothing if its name, message and stack say it all, or if it cannot be read.
 * @param stackOf what of a stack means something to its reader.
 */
export function packThrown(
  thrown: unknown,
  stackOf: (stack: string) => string,
): Uint8Array<ArrayBuffer> | undefined {
  try {
    for (const depthMax of [DEPTH_MAX, 2, 1]) {
      const packed = pack(thrown, stackOf, depthMax);
      if (!packed || isPlain(packed)) return undefined;
      const encoded = encodeValue(packed);
      if (encoded.byteLength <= THROWN_BYTES_MAX) return encoded.toBytes();
    }
  } catch {
    // A getter or a proxy that throws: what can be read of it is told in words.
  }
  return undefined;
}

function pack(
  thrown: unknown,
  stackOf: (stack: string) => string,
  depthMax: number,
): Packed | undefined {
  if (depthMax === 0) return undefined;
  if (!isError(thrown)) return packValue(thrown);
  const { name, message, stack } = thrown as { name: unknown; message: unknown; stack?: unknown };
  const data = ownData(thrown);
  const next = (inner: unknown) => pack(inner, stackOf, depthMax - 1);
  const cause = Object.hasOwn(thrown, "cause") ? next(thrown.cause) : undefined;
  const { errors } = thrown as Partial<AggregateError>;
  const inner = Array.isArray(errors) ? errors.slice(0, ERRORS_MAX) : [];
  const packedErrors = inner.map((each) => next(each)).filter((each) => each !== undefined);
  return {
    kind: errors ? "AggregateError" : kindOf(thrown),
    name: cut(String(name), NAME_CHARS_MAX),
    message: cut(String(message), MESSAGE_CHARS_MAX),
    ...(typeof stack === "string" ? { stack: cut(stackOf(stack), STACK_CHARS_MAX) } : {}),
    ...(data ? { data } : {}),
    ...(cause ? { cause } : {}),
    ...(packedErrors.length > 0 ? { errors: packedErrors } : {}),
  };
}

function packValue(value: unknown): Packed | undefined {
  if (isCopyable(value, THROWN_BYTES_MAX / 2)) return { kind: "value", value };
  const data = typeof value === "object" && value !== null ? ownData(value) : undefined;
  return data && { kind: "value", value: data };
}

/** Own enumerable properties that can be copied, each on its own. */
function ownData(owner: object): Record<string, unknown> | undefined {
  const data: Record<string, unknown> = {};
  let count = 0;
  for (const key of Object.keys(owner)) {
    if (count === PROPERTIES_MAX) break;
    if (TOLD_APART.has(key) && isError(owner)) continue;
    const value = (owner as Record<string, unknown>)[key];
    if (key.length > KEY_CHARS_MAX || !isCopyable(value, PROPERTY_BYTES_MAX)) continue;
    setOwn(data, key, value);
    count++;
  }
  return count > 0 ? data : undefined;
}

function isCopyable(value: unknown, bytesMax: number): boolean {
  try {
    return encodeValue(value).byteLength <= bytesMax;
  } catch {
    return false;
  }
}

const isError = (value: unknown): value is Error =>
  value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";

const kindOf = (error: Error): string =>
  Object.keys(CLASSES).findLast((name) => name !== "Error" && error instanceof CLASSES[name]!) ??
  "Error";

/** Name, message and stack travel beside it, and tell a built-in class as well. */
const isPlain = (packed: Packed): boolean =>
  packed.kind !== "value" &&
  (packed.kind === "Error" || packed.kind === (packed as PackedError).name) &&
  !("data" in packed || "cause" in packed || "errors" in packed);

/** @returns what was thrown; nothing if these are not bytes of {@link packThrown}. */
export function unpackThrown(bytes: Uint8Array): { readonly thrown: unknown } | undefined {
  try {
    return { thrown: revive(decodeValue(bytes) as Packed) };
  } catch {
    return undefined;
  }
}

function revive(packed: Packed): unknown {
  if (packed.kind === "value") return (packed as { value: unknown }).value;
  const { kind, name, message, stack, data = {}, cause, errors } = packed as PackedError;
  const options = cause ? { cause: revive(cause) } : undefined;
  const error = reviveMeshError(packed as PackedError, options) ?? newError(kind, message, options);
  if (errors) {
    const revived = Array.from(errors, (each) => revive(each));
    setHidden(error, "errors", revived);
  }
  if (error.name !== name) setHidden(error, "name", name);
  // Where it was thrown, not where it was received.
  setHidden(error, "stack", stack ?? `${name}: ${message}`);
  for (const [key, value] of Object.entries(data)) {
    if (!TOLD_APART.has(key) && !(key in error)) setOwn(error, key, value);
  }
  return error;
}

/** An error of a built-in class, as far as there is one of that name. */
export function newError(kind: string, message: string, options?: { cause: unknown }): Error {
  if (kind === "AggregateError") return new AggregateError([], message, options);
  const Class = Object.hasOwn(CLASSES, kind) ? CLASSES[kind]! : Error;
  return new Class(message, options);
}

function reviveMeshError(
  { name, message, data = {} }: PackedError,
  options: { cause: unknown } | undefined,
): MeshError | undefined {
  const { code, details } = data as { code?: string; details?: ErrorDetails };
  if (name !== "MeshError" || code === undefined || !Object.hasOwn(ERROR_CODES, code)) {
    return undefined;
  }
  return new MeshError(code as keyof typeof ERROR_CODES, message, details, options);
}

function setHidden(owner: object, key: string, value: unknown): void {
  Object.defineProperty(owner, key, { value, writable: true, configurable: true });
}

function setOwn(owner: object, key: string, value: unknown): void {
  Object.defineProperty(owner, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Whether it has a message of its own. */
export function isErrorLike(thrown: unknown): thrown is { message: unknown } {
  try {
    return typeof thrown === "object" && thrown !== null && "message" in thrown;
  } catch {
    return false;
  }
}

const VALUE_CHARS_MAX = 200;

/** What was thrown that is no error, for a sentence. */
export function thrownInWords(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null) return cut(String(thrown), VALUE_CHARS_MAX);
  const text: string | undefined = JSON.stringify(thrown, (_key, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
  return cut(text ?? "an object", VALUE_CHARS_MAX);
}
