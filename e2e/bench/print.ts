import type { Figure, Row } from "./suite.ts";

export interface Printer {
  title(suite: string): void;
  row(row: Row): void;
  figure(figure: Figure): void;
}

/** For people a table, for programs one object per line: `{"name","value","unit"}` and `deviation`. */
export function printer(asJson: boolean): Printer {
  if (asJson) {
    return {
      title: () => {},
      row: () => {},
      figure: ({ name, value, unit, deviation }) => {
        console.log(JSON.stringify({ name, value, unit, deviation }));
      },
    };
  }
  return {
    title: (suite) => console.log(`\n${suite}`),
    row: ({ measures, peer }) => {
      console.log(`\n${measures}${peer === undefined ? "" : ` Against ${peer}.`}`);
    },
    figure: (figure) => console.log(line(figure)),
  };
}

function line({ name, value, unit, deviation, note, target }: Figure): string {
  const spread = deviation === undefined ? "" : `  ± ${shown(deviation)}`;
  const promise = target === undefined ? "" : `  (${promiseOf(target)})`;
  const remark = note === undefined ? "" : `\n      ${note}`;
  return `  ${name.padEnd(44)} ${shown(value).padStart(12)} ${unit}${spread}${promise}${remark}`;
}

function promiseOf(target: NonNullable<Figure["target"]>): string {
  return "atLeast" in target
    ? `promised: at least ${target.atLeast}`
    : `promised: below ${target.below}`;
}

function shown(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(3);
}
