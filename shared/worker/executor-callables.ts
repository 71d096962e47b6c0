import { MeshError } from "../errors.ts";
import type { CallableId } from "../ids.ts";
import type { ActorOptions } from "../protocol/actor-options.ts";
import type { Define } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { isErrorLike } from "../protocol/thrown.ts";
import { boundedError, describe, toWireError } from "../protocol/wire-error.ts";
import { LeftUncaught } from "./unfinished-calls.ts";

export type UserFunction = (...args: unknown[]) => unknown;
export type UserClass = new (...args: unknown[]) => object;

/** Lines that stand before the source's first one: those `new Function` adds, and ours. */
const LINES_BEFORE = 4;

interface Known {
  readonly define: Define;
  compiled?: UserFunction | UserClass;
  /** Its `retryOn`, if that is a function. */
  predicate?: UserFunction;
}

/** The shipped functions and classes of one executor, each compiled when it is first used. */
export class Callables {
  readonly #importModule: (specifier: string, callable: CallableId) => Promise<unknown>;
  readonly #known = new Map<CallableId, Known>();

  /** @param importModule `import(specifier)` of a callable's code. */
  constructor(importModule: (specifier: string, callable: CallableId) => Promise<unknown>) {
    this.#importModule = importModule;
  }

  define(define: Define): void {
    this.#known.set(define.callable, { define });
  }

  forget(callables: readonly CallableId[]): void {
    for (const callable of callables) this.#known.delete(callable);
  }

  definition(callable: CallableId): Define | undefined {
    return this.#known.get(callable)?.define;
  }

  nameOf(callable: CallableId): string {
    return this.#known.get(callable)?.define.name || "anonymous";
  }

  actorOptionsOf(callable: CallableId): ActorOptions | undefined {
    return this.#known.get(callable)?.define.actor;
  }

  /** @throws MeshError `INVALID_ARGUMENT` if the source is not one function or class. */
  compiled(callable: CallableId): UserFunction | UserClass {
    const entry = this.#known.get(callable);
    if (!entry) throw new MeshError("INTERNAL", `callable ${callable} was run before its define`);
    return (entry.compiled ??= this.#compile(entry.define));
  }

  /** @throws MeshError `INVALID_ARGUMENT` if the source is not a function. */
  predicate(callable: CallableId, source: string): UserFunction {
    const entry = this.#known.get(callable)!;
    const name = `${this.nameOf(callable)}.retryOn`;
    const compile = () => this.#compile({ ...entry.define, name, source });
    return (entry.predicate ??= compile() as UserFunction);
  }

  #compile(define: Define): UserFunction | UserClass {
    const name = define.name || "anonymous";
    let value: unknown;
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- running shipped source is its job
      value = new Function(
        "__manta_import",
        "__name",
        `"use strict";\nreturn (\n${define.source}\n)\n//# sourceURL=${sourceUrl(name)}`,
      )((specifier: string) => this.#importModule(specifier, define.callable), setName) as unknown;
    } catch (error) {
      throw new MeshError(
        "INVALID_ARGUMENT",
        `the source of "${name}" does not compile: ${String(error)}`,
        { callable: define.callable },
        { cause: error },
      );
    }
    if (typeof value === "function") return value as UserFunction;
    throw new MeshError(
      "INVALID_ARGUMENT",
      `the source of "${name}" is a ${typeof value}, expected a function or class`,
      { callable: define.callable },
    );
  }
}

/** What user code threw, as the submitter shall see it. */
export function userError(what: string, thrown: unknown, remark?: string): WireError {
  if (LeftUncaught.is(thrown)) return failure(`${what} left uncaught`, thrown.thrown, remark);
  return failure(`${what} threw`, thrown, remark);
}

function failure(whatHappened: string, thrown: unknown, remark?: string): WireError {
  const cause = describe(thrown, userStack);
  const code = MeshError.is(thrown) ? ` ${toWireError(thrown).code}` : "";
  const text = isErrorLike(thrown)
    ? `${cause.name}${code}: ${cause.message}`
    : `${typeof thrown === "string" ? `"${cause.message}"` : cause.message}, which is no Error and so has no stack`;
  const more = remark === undefined ? "" : `; ${remark}`;
  return boundedError({ code: "TASK_FAILED", message: `${whatHappened} ${text}${more}`, cause });
}

/**
 * Cut a stack down to the user's frames: ours below them mean nothing to the reader. Line numbers
 * become those of the shipped source.
 */
export function userStack(stack: string): string {
  const lines = stack.split("\n");
  const isFrame = (line: string) => /^\s+at /.test(line);
  const isOurs = (line: string) => !line.includes("manta:");
  const firstFrame = lines.findIndex(isFrame);
  if (firstFrame < 0) return stack;
  let end = lines.length;
  while (end > firstFrame && isOurs(lines[end - 1]!)) end--;
  return lines
    .slice(0, end)
    .map((line) =>
      line.replace(
        /(manta:[^\s:)]*):(\d+):/,
        (_, url: string, at: string) => `${url}:${Math.max(1, Number(at) - LINES_BEFORE)}:`,
      ),
    )
    .join("\n");
}

/** A `sourceURL` ends at white space. */
export const sourceUrl = (name: string): string =>
  `manta:${name.replace(/^anonymous .*/, "anonymous").replaceAll(/[^\w$.-]/g, "_")}`;

/** What esbuild's `keepNames` puts around functions and classes. */
function setName<T extends object>(target: T, name: string): T {
  return Object.defineProperty(target, "name", { value: name, configurable: true });
}
