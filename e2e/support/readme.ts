import { readFileSync } from "node:fs";
import { inProject } from "../setup/project.mjs";

/** The driver that README.md shows, and the lines that it says the driver prints. */
export function readmeDriver(): { readonly source: string; readonly prints: readonly string[] } {
  const text = readFileSync(inProject("README.md"), "utf8");
  const blocks = [...text.matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].map(([, block]) => block!);
  const source = blocks.find((block) => block.includes("connect("));
  if (source === undefined) throw new Error("README.md shows no driver");
  const promise = /^It prints (.*?)\.(?:$| To)/ms.exec(text)?.[1] ?? "";
  const prints = [...promise.matchAll(/`([^`]+)`/g)].map(([, line]) => line!);
  if (prints.length === 0) throw new Error("README.md does not say what its driver prints");
  return { source, prints };
}
