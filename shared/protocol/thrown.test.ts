import { Compile } from "typebox/compile";
import { describe as group, expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import { wireError, type WireError } from "./schema.ts";
import { describe, fromWireError } from "./wire-error.ts";

const check = Compile(wireError);

/** What the caller gets as `cause` when this was thrown far away. */
function arrived(thrown: unknown): unknown {
  const wire: WireError = { code: "TASK_FAILED", message: "it threw", cause: describe(thrown) };
  expect(check.Check(wire)).toBe(true);
  return fromWireError(wire).cause;
}

class HttpError extends TypeError {
  override readonly name = "HttpError";
  readonly status: number;
  readonly retry = (): void => {};

  constructor(status: number, options?: ErrorOptions) {
    super(`status ${status}`, options);
    this.status = status;
  }
}

group("what user code throws arrives as what it is", () => {
  test.each([TypeError, RangeError, SyntaxError, EvalError, URIError, ReferenceError, Error])(
    "%o is still one, with the stack of where it was thrown",
    (Class) => {
      const thrown = new Class("why");
      const error = arrived(thrown) as Error;
      expect(error).toBeInstanceOf(Class);
      expect({ name: error.name, message: error.message, stack: error.stack }).toEqual({
        name: thrown.name,
        message: "why",
        stack: thrown.stack,
      });
    },
  );

  test("an error of a class of its own has its name, its data and the built-in class below", () => {
    const error = arrived(new HttpError(503)) as HttpError;
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ name: "HttpError", message: "status 503", status: 503 });
    expect("retry" in error).toBe(false);
  });

  test("causes of causes, and errors within, each with its stack", () => {
    const root = new RangeError("root");
    const middle = new HttpError(502, { cause: root });
    const error = arrived(new AggregateError([new Error("a"), "b"], "many", { cause: middle }));
    expect(error).toBeInstanceOf(AggregateError);
    const { errors, cause } = error as AggregateError & { cause: HttpError };
    expect(errors).toEqual([new Error("a"), "b"]);
    expect(cause.status).toBe(502);
    expect(cause.cause).toBeInstanceOf(RangeError);
    expect((cause.cause as Error).stack).toBe(root.stack);
  });

  test.each([[{ a: 1, deep: { list: [1, 2n] } }], ["text"], [null], [undefined], [42]])(
    "%o, which is no error, arrives itself",
    (thrown) => {
      expect(arrived(thrown)).toEqual(thrown);
    },
  );

  test("what cannot be copied of an object stays behind", () => {
    expect(arrived({ code: 7, close: () => {} })).toEqual({ code: 7 });
  });

  test("an error of ours keeps its code, so that callers can tell by it", () => {
    const error = arrived(new MeshError("OBJECT_LOST", "gone", { object: "n1.a" }));
    expect(MeshError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: "OBJECT_LOST", details: { object: "n1.a" } });
  });
});

test("however much is thrown, the error arrives, with what fits", () => {
  let chain: Error | undefined;
  for (let i = 0; i < 100; i++) {
    chain = Object.assign(new Error(`${i} ${"x".repeat(5_000)}`, { cause: chain }), {
      data: "y".repeat(4_000),
      large: new Uint8Array(100_000),
    });
  }
  const error = arrived(chain) as Error & { large?: unknown };
  expect(error).toBeInstanceOf(Error);
  expect(error.message).toMatch(/^99 x/);
  expect(error.large).toBeUndefined();
});

test("a ring of causes ends", () => {
  const error = new Error("ring");
  error.cause = error;
  expect((arrived(error) as Error).message).toBe("ring");
});

test("bytes that are none of ours are passed over: name, message and stack say the rest", () => {
  const cause = { name: "TypeError", message: "why", thrown: new Uint8Array([255, 1, 2]) };
  const error = fromWireError({ code: "TASK_FAILED", message: "it threw", cause });
  expect(error.cause).toBeInstanceOf(TypeError);
  expect((error.cause as Error).message).toBe("why");
});

test("what a peer names like a property of every object does not become one", () => {
  const thrown = Object.assign(new Error("x"), { ["__proto__x"]: 1 });
  Object.defineProperty(thrown, "__proto__", { value: { bad: true }, enumerable: true });
  const error = arrived(thrown) as Error & { bad?: unknown };
  expect(error.bad).toBeUndefined();
  expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
});
