import { readFileSync } from "node:fs";
import { inProject } from "../setup/project.mjs";

/** A program that a document shows, and what the document says it prints. */
export interface DocumentedProgram {
  /** Such as `docs/objects.md, line 12`. */
  readonly place: string;
  readonly source: string;
  readonly prints: readonly string[];
}

/**
 * The programs of a document: blocks of JavaScript that import this package, each followed by a
 * paragraph that begins with "It prints" and has the lines in backquotes.
 * @throws Error if a document says of none of its programs, or not of all, what it prints.
 */
export function documentedPrograms(document: string): DocumentedProgram[] {
  const text = readFileSync(inProject(...document.split("/")), "utf8");
  const programs: DocumentedProgram[] = [];
  for (const match of text.matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)) {
    const source = match[1]!;
    if (!/^import .* from "manta";$/m.test(source)) continue;
    const line = text.slice(0, match.index).split("\n").length;
    const place = `${document}, line ${line}`;
    const after = text.slice(match.index + match[0].length).split(/^```/m)[0]!;
    const promise = /^It prints (.*?)\.(?:$| To)/ms.exec(after)?.[1] ?? "";
    const prints = [...promise.matchAll(/`([^`]+)`/g)].map(([, printed]) => printed!);
    if (prints.length === 0) throw new Error(`${place}: it does not say what this program prints`);
    programs.push({ place, source, prints });
  }
  if (programs.length === 0) throw new Error(`${document} shows no program`);
  return programs;
}
