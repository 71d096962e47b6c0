import type { AnyNode, Identifier, MemberExpression, Program } from "acorn";
import { analyze } from "eslint-scope";

/** A name that code uses and does not define. */
export interface FreeVariable {
  readonly name: string;
  /** Where it is used first, from 1. */
  readonly line: number;
  /** What is taken from it, if it is one property: `x` of `imported.x`. */
  readonly member: string | undefined;
  /** The code looks whether it is there: `typeof name`. */
  readonly isLookedFor: boolean;
}

/** What was met on a walk over all of a function's code. */
export interface CodeFacts {
  /** In the order in which they are used. `this` is one where an arrow function takes it along. */
  readonly free: readonly FreeVariable[];
  /** Where each `import(...)` expression starts. */
  readonly dynamicImports: readonly number[];
  /** Line of the first `import.meta`. */
  readonly importMetaLine: number | undefined;
}

/** What Vite's servers put in place of `import(...)`. */
export const DYNAMIC_IMPORT_HELPERS: ReadonlySet<string> = new Set(["__vite_ssr_dynamic_import__"]);

const IMPORT_META_HELPER = "__vite_ssr_import_meta__";

/** Facts about a program that is one parenthesised function or class. */
export function findCodeFacts(program: Program): CodeFacts {
  const walk = new Walk();
  walk.visit(program, undefined, true);
  const scopes = analyze(program as unknown as Parameters<typeof analyze>[0], {
    ecmaVersion: 2024,
    sourceType: "module",
    ignoreEval: true,
  });
  const uses = (scopes.globalScope?.through ?? [])
    .map((reference) => reference.identifier as unknown as Identifier)
    .filter(({ name }) => !DYNAMIC_IMPORT_HELPERS.has(name))
    .toSorted((a, b) => a.start - b.start);
  const free = new Map<string, FreeVariable>();
  if (walk.outerThisLine !== undefined) {
    const line = walk.outerThisLine;
    free.set("this", { name: "this", line, member: undefined, isLookedFor: false });
  }
  for (const identifier of uses) {
    const { name, loc } = identifier;
    if (free.has(name)) continue;
    free.set(name, {
      name,
      line: loc!.start.line,
      member: walk.memberOf.get(identifier),
      isLookedFor: walk.lookedFor.has(name),
    });
  }
  return {
    free: [...free.values()],
    dynamicImports: walk.dynamicImports,
    importMetaLine: walk.importMetaLine,
  };
}

class Walk {
  readonly dynamicImports: number[] = [];
  readonly lookedFor = new Set<string>();
  readonly memberOf = new Map<Identifier, string>();
  importMetaLine: number | undefined;
  outerThisLine: number | undefined;

  visit(node: AnyNode, parent: AnyNode | undefined, isOuterThis: boolean): void {
    this.#note(node, parent, isOuterThis);
    for (const [key, child] of Object.entries(node) as [string, unknown][]) {
      const isOuter = isOuterThis && !bindsThis(node, key);
      if (Array.isArray(child)) {
        for (const item of child as unknown[]) if (isNode(item)) this.visit(item, node, isOuter);
      } else if (isNode(child)) {
        this.visit(child, node, isOuter);
      }
    }
  }

  #note(node: AnyNode, parent: AnyNode | undefined, isOuterThis: boolean): void {
    if (node.type === "ImportExpression") this.dynamicImports.push(node.start);
    else if (node.type === "MetaProperty" && node.meta.name === "import") {
      this.importMetaLine ??= node.loc!.start.line;
    } else if (node.type === "ThisExpression" && isOuterThis) {
      this.outerThisLine ??= node.loc!.start.line;
    } else if (node.type === "Identifier") this.#noteIdentifier(node, parent);
  }

  #noteIdentifier(node: Identifier, parent: AnyNode | undefined): void {
    if (DYNAMIC_IMPORT_HELPERS.has(node.name)) this.dynamicImports.push(node.start);
    if (node.name === IMPORT_META_HELPER) this.importMetaLine ??= node.loc!.start.line;
    if (parent?.type === "UnaryExpression" && parent.operator === "typeof") {
      this.lookedFor.add(node.name);
    } else if (parent?.type === "MemberExpression" && parent.object === node) {
      const member = memberName(parent);
      if (member !== undefined) this.memberOf.set(node, member);
    }
  }
}

/** Whether `this` in that part of the node is not the surrounding one. */
function bindsThis(node: AnyNode, key: string): boolean {
  switch (node.type) {
    case "FunctionExpression":
    case "FunctionDeclaration":
    case "StaticBlock":
      return true;
    case "PropertyDefinition":
      return key === "value";
    default:
      return false;
  }
}

function memberName({ computed, property }: MemberExpression): string | undefined {
  if (!computed && property.type === "Identifier") return property.name;
  return property.type === "Literal" && typeof property.value === "string"
    ? property.value
    : undefined;
}

const isNode = (value: unknown): value is AnyNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
