import { parseArgs } from "node:util";
import { coreBench } from "./core.ts";
import type { Figure } from "./measure.ts";

const SUITES: Readonly<Record<string, () => AsyncGenerator<Figure>>> = { core: coreBench };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
const names = positionals.length > 0 ? positionals : Object.keys(SUITES);
for (const name of names) {
  const suite = SUITES[name];
  if (!suite) {
    console.error(
      `there is no benchmark "${name}"; choose from: ${Object.keys(SUITES).join(", ")}`,
    );
    process.exit(2);
  }
  if (!values.json) console.log(`\n${name}`);
  for await (const figure of suite()) {
    console.log(values.json ? JSON.stringify({ ...figure, note: undefined }) : row(figure));
  }
}

function row({ name, value, unit, deviation, note }: Figure): string {
  const shown = value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(3);
  const spread = deviation === undefined ? "" : `  ± ${Math.round(deviation).toLocaleString("en")}`;
  const remark = note === undefined ? "" : `\n      ${note}`;
  return `  ${name.padEnd(28)} ${shown.padStart(12)} ${unit}${spread}${remark}`;
}
