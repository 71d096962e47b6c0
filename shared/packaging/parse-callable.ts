import {
  type ArrowFunctionExpression,
  type ClassExpression,
  type Expression,
  type FunctionExpression,
  type Program,
  parse,
} from "acorn";
import { MeshError, invariant } from "../errors.ts";

export type CallableNode = ArrowFunctionExpression | FunctionExpression | ClassExpression;

/** A function's or class's own source text, parsed. */
export interface ParsedCallable {
  /** An expression in parentheses. Node positions count from its start. */
  readonly text: string;
  readonly program: Program;
  readonly node: CallableNode;
}

/**
 * `Function.prototype.toString` gives the text as the user wrote it, which is an expression unless
 * it was written as a method, `add(k) {}`. It is parsed as a module: strict, as it will run.
 *
 * @throws MeshError `INVALID_ARGUMENT` if the text does not stand on its own.
 */
export function parseCallable(source: string, name: string, what: string): ParsedCallable {
  const asExpression = tryParse(`(${source})`);
  if (asExpression.program) {
    const { text, program } = asExpression;
    const node = expressionOf(program);
    if (isCallable(node)) return { text, program, node };
  }
  const asMethod = tryParse(`({${source}})`);
  const method = asMethod.program && methodOf(expressionOf(asMethod.program));
  if (method) return parseMethod(asMethod.text, method, name);
  const { reason } = asMethod.failedAt > asExpression.failedAt ? asMethod : asExpression;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `cannot ship ${what}: its source does not stand on its own (${reason}). ` +
      "Write it as a function of its own that takes what it needs as arguments",
  );
}

/** A method keeps its `super` and gets a key of our own: a computed one would need its scope. */
function parseMethod(text: string, method: FunctionExpression, name: string): ParsedCallable {
  const isIdentifier = IDENTIFIER.test(name);
  const key = isIdentifier ? name : JSON.stringify(name);
  const prefix = `${method.async ? "async " : ""}${method.generator ? "*" : ""}`;
  const rest = text.slice(method.start, method.end);
  const attempt = tryParse(
    `(({ ${prefix}${key}${rest} })${isIdentifier ? `.${key}` : `[${key}]`})`,
  );
  const access = attempt.program && expressionOf(attempt.program);
  invariant(attempt.program && access?.type === "MemberExpression", "a method has a key");
  const node = methodOf(access.object as Expression);
  invariant(node, "a method under another key is one still");
  return { text: attempt.text, program: attempt.program, node };
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Scope analysis looks at ranges. */
const PARSE_OPTIONS = {
  ecmaVersion: "latest",
  sourceType: "module",
  locations: true,
  ranges: true,
} as const;

interface Attempt {
  readonly text: string;
  readonly program?: Program;
  readonly reason: string;
  /** How far the parser came: the attempt that came further has the better reason. */
  readonly failedAt: number;
}

function tryParse(text: string): Attempt {
  try {
    const program = parse(text, PARSE_OPTIONS);
    return { text, program, reason: "it is not one function", failedAt: 0 };
  } catch (error) {
    const { message, pos = 0 } = error as SyntaxError & { pos?: number };
    return { text, reason: message, failedAt: pos };
  }
}

function expressionOf(program: Program): Expression | undefined {
  const [statement] = program.body;
  return statement?.type === "ExpressionStatement" ? statement.expression : undefined;
}

const isCallable = (node: Expression | undefined): node is CallableNode =>
  node?.type === "FunctionExpression" ||
  node?.type === "ArrowFunctionExpression" ||
  node?.type === "ClassExpression";

function methodOf(node: Expression | undefined): FunctionExpression | undefined {
  if (node?.type !== "ObjectExpression" || node.properties.length !== 1) return undefined;
  const property = node.properties[0]!;
  if (property.type !== "Property" || !property.method) return undefined;
  return property.value as FunctionExpression;
}
