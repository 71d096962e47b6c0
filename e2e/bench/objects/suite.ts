import type { Suite } from "../suite.ts";
import { smallValues } from "./small-values.ts";

export const objectsSuite: Suite = {
  name: "objects",
  about: "values on their way: between processes and tabs, and inside one worker",
  rows: [smallValues],
};
