import type { Suite } from "../suite.ts";
import { decisions } from "./decisions.ts";
import { queuedMillion } from "./queued-million.ts";

export const schedulerSuite: Suite = {
  name: "scheduler",
  about: "what a task costs the scheduler, however many tasks and workers there are",
  rows: [decisions, queuedMillion],
};
