import { ERROR_CODES, MeshError } from "../errors.ts";
import {
  DETAIL_CHARS_MAX,
  DETAIL_KEY_CHARS_MAX,
  DETAILS_MAX,
  ERROR_NAME_CHARS_MAX,
  ERROR_TEXT_CHARS_MAX,
  STACK_CHARS_MAX,
  THROWN_BYTES_MAX,
} from "./limits.ts";
import type { WireError } from "./schema.ts";
import { cut } from "./texts.ts";
import { isErrorLike, newError, packThrown, thrownInWords, unpackThrown } from "./thrown.ts";

type Cause = NonNullable<WireError["cause"]>;
type Details = NonNullable<WireError["details"]>;

/**
 * Errors never cross a boundary as themselves: structuredClone turns any custom error into a plain
 * `Error` without its code. This is the form that does.
 *
 * Total, and its result always fits the schema: user code can throw anything, and an error that
 * cannot be told would leave its task without an outcome.
 */
export function toWireError(error: unknown): WireError {
  try {
    if (MeshError.is(error) && Object.hasOwn(ERROR_CODES, error.code)) return wireOf(error);
  } catch {
    // One of its getters threw: what can be read of it is below.
  }
  return { code: "INTERNAL", message: describe(error).message };
}

function wireOf(error: MeshError): WireError {
  const { code, message } = error as { code: WireError["code"]; message: unknown };
  const wire: WireError = { code, message: String(message) };
  if (error.details && Object.keys(error.details).length > 0) wire.details = { ...error.details };
  if (error.cause !== undefined) wire.cause = describe(error.cause);
  return boundedError(wire);
}

/**
 * What a user's thrown value looks like from afar. Anything can be thrown, not just errors.
 * @param stackOf what of a stack means something to its reader.
 */
export function describe(thrown: unknown, stackOf = (stack: string) => stack): Cause {
  try {
    const cause = read(thrown);
    if (cause.stack !== undefined) cause.stack = stackOf(cause.stack);
    const packed = packThrown(thrown, stackOf);
    if (packed) cause.thrown = packed;
    return boundedCause(cause);
  } catch {
    return { name: "Error", message: `what was thrown is a ${typeof thrown} that cannot be read` };
  }
}

function read(thrown: unknown): Cause {
  if (!isErrorLike(thrown)) {
    return { name: "Error", message: thrownInWords(thrown) };
  }
  const { name, message, stack } = thrown as { name?: unknown; message: unknown; stack?: unknown };
  return {
    name: typeof name === "string" ? name : "Error",
    message: String(message),
    ...(typeof stack === "string" ? { stack } : {}),
  };
}

/** The error, cut to what the schema of messages allows. */
export function boundedError(wire: WireError): WireError {
  const { message, details, cause } = wire;
  const bounded: WireError = { ...wire, message: cut(message, ERROR_TEXT_CHARS_MAX) };
  if (details) bounded.details = boundedDetails(details);
  if (cause) bounded.cause = boundedCause(cause);
  return bounded;
}

function boundedCause({ name, message, stack, thrown }: Cause): Cause {
  return {
    name: cut(name, ERROR_NAME_CHARS_MAX),
    message: cut(message, ERROR_TEXT_CHARS_MAX),
    ...(stack === undefined ? {} : { stack: cut(stack, STACK_CHARS_MAX) }),
    ...(thrown && thrown.byteLength <= THROWN_BYTES_MAX ? { thrown } : {}),
  };
}

/** What a schema would refuse (a key without characters, a number that is none) is left out. */
function boundedDetails(details: Details): Details {
  const bounded: Details = {};
  for (const [key, value] of Object.entries(details).slice(0, DETAILS_MAX)) {
    if (key === "" || key.length > DETAIL_KEY_CHARS_MAX) continue;
    if (typeof value === "string") bounded[key] = cut(value, DETAIL_CHARS_MAX);
    else if (Number.isFinite(value)) bounded[key] = value;
  }
  return bounded;
}

export function fromWireError(wire: WireError): MeshError {
  return new MeshError(
    wire.code,
    wire.message,
    wire.details ?? {},
    wire.cause ? { cause: revive(wire.cause) } : undefined,
  );
}

function revive(described: NonNullable<WireError["cause"]>): unknown {
  const packed = described.thrown && unpackThrown(described.thrown);
  if (packed) return packed.thrown;
  const error = newError(described.name, described.message);
  if (error.name !== described.name) error.name = described.name;
  // The remote stack: where it was thrown, not where it was received.
  if (described.stack !== undefined) error.stack = described.stack;
  return error;
}
