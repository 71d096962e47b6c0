import { parseArgs } from "node:util";
import { setUpRay } from "./core/ray/ray-environment.ts";
import { coreSuite } from "./core/suite.ts";
import { objectsSuite } from "./objects/suite.ts";
import { printer } from "./print.ts";
import { schedulerSuite } from "./scheduler/suite.ts";
import { Stage } from "./stage.ts";
import type { Suite } from "./suite.ts";

/**
 * `npm run bench -- <suite> [part of a row's name ...] [--json] [--vs ray]`; without a suite it says
 * which there are. A row that fails is told at its place, and the others are run.
 */
const SUITES: readonly Suite[] = [coreSuite, objectsSuite, schedulerSuite];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, vs: { type: "string" } },
});
const [name, ...parts] = positionals;
const suite = SUITES.find((one) => one.name === name);
if (name === undefined) list();
else if (name === "ray-setup") await setUpRay();
else if (!suite) refuse(`there is no suite "${name}"; there are: ${names(SUITES)}`);
else if (values.vs !== undefined && values.vs !== "ray") {
  refuse(`--vs ${values.vs}: the only peer that can be named is ray`);
} else await run(suite);

async function run({ name: title, rows }: Suite): Promise<void> {
  const chosen = rows.filter(
    (row) => parts.length === 0 || parts.some((part) => row.name.includes(part)),
  );
  if (chosen.length === 0) return refuse(`no row has such a name; these are there: ${names(rows)}`);
  const print = printer(values.json ?? false);
  const stage = new Stage(values.vs === "ray" ? "ray" : undefined);
  print.title(title);
  try {
    for (const row of chosen) {
      print.row(row);
      try {
        for await (const figure of row.run(stage)) print.figure(figure);
      } catch (error) {
        process.exitCode = 1;
        console.error(`${row.name} failed:`, error);
      }
    }
  } finally {
    await stage.close();
  }
}

function list(): void {
  console.log("npm run bench -- <suite> [part of a row's name ...] [--json] [--vs ray]");
  console.log(
    "npm run bench -- ray-setup    installs Ray beside the project's packages, for --vs ray",
  );
  for (const { name: title, about, rows } of SUITES) {
    console.log(`\n${title}: ${about}`);
    for (const row of rows) {
      const peer = row.peer === undefined ? "" : ` Against ${row.peer}.`;
      console.log(`  ${row.name}\n      ${row.measures}${peer}`);
    }
  }
}

function refuse(why: string): void {
  console.error(why);
  process.exitCode = 2;
}

function names(named: readonly { readonly name: string }[]): string {
  return named.map((one) => one.name).join(", ");
}
