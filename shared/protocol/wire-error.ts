import { MeshError } from "../errors.ts";
import { ERROR_TEXT_CHARS_MAX, STACK_CHARS_MAX } from "./limits.ts";
import type { WireError } from "./schema.ts";

/**
 * Errors never cross a boundary as themselves: structuredClone turns any custom error into a plain
 * `Error` without its code. This is the form that does.
 */
export function toWireError(error: unknown): WireError {
  if (!MeshError.is(error)) {
    return { code: "INTERNAL", message: cut(describe(error).message, ERROR_TEXT_CHARS_MAX) };
  }
  const wire: WireError = { code: error.code, message: cut(error.message, ERROR_TEXT_CHARS_MAX) };
  if (error.details && Object.keys(error.details).length > 0) wire.details = { ...error.details };
  if (error.cause !== undefined) wire.cause = describe(error.cause);
  return wire;
}

/** What a user's thrown value looks like from afar. Anything can be thrown, not just errors. */
export function describe(thrown: unknown): NonNullable<WireError["cause"]> {
  if (typeof thrown !== "object" || thrown === null || !("message" in thrown)) {
    return { name: "Error", message: cut(String(thrown), ERROR_TEXT_CHARS_MAX) };
  }
  const { name, message, stack } = thrown as { name?: unknown; message: unknown; stack?: unknown };
  const cause: NonNullable<WireError["cause"]> = {
    name: cut(typeof name === "string" ? name : "Error", 256),
    message: cut(String(message), ERROR_TEXT_CHARS_MAX),
  };
  if (typeof stack === "string") cause.stack = cut(stack, STACK_CHARS_MAX);
  return cause;
}

export function fromWireError(wire: WireError): MeshError {
  return new MeshError(
    wire.code,
    wire.message,
    wire.details ?? {},
    wire.cause ? { cause: revive(wire.cause) } : undefined,
  );
}

function revive(described: NonNullable<WireError["cause"]>): Error {
  const error = new Error(described.message);
  error.name = described.name;
  // The remote stack: where it was thrown, not where it was received.
  if (described.stack !== undefined) error.stack = described.stack;
  return error;
}

const cut = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
