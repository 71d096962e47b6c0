import "../style/base.css";
import "../style/controls.css";
import "../style/water.css";
import "./diagnose.css";
import { systemClock } from "../../../shared/clock.ts";
import { describeBrowser } from "../contribute/settings.ts";
import { byId, setText } from "../page/elements.ts";
import { fillMasthead } from "../page/masthead.ts";
import { takeToken } from "../page/session.ts";
import type { CheckRow } from "./check.ts";
import { ALL_CHECKS } from "./checks/all-checks.ts";
import type { Scene } from "./checks/scene.ts";
import { reportOf } from "./report.ts";
import { runChecks } from "./run-checks.ts";
import { DiagnoseView } from "./view.ts";

/** The page's one controller. */
class DiagnosePage {
  readonly #view = new DiagnoseView();
  readonly #token = takeToken("diagnose", window);
  #rows: readonly CheckRow[] = [];

  open(): void {
    fillMasthead(byId("masthead", HTMLElement), "diagnose");
    byId("again", HTMLButtonElement).addEventListener("click", () => void this.#run());
    byId("copy", HTMLButtonElement).addEventListener("click", () => void this.#copy());
    void this.#run();
  }

  async #run(): Promise<void> {
    setText(byId("copied", HTMLElement), "");
    const scene: Scene = { token: this.#token, closers: [] };
    try {
      this.#rows = await runChecks(ALL_CHECKS, scene, {
        clock: systemClock,
        onChange: (rows) => this.#view.show(rows),
      });
    } finally {
      for (const close of scene.closers) close();
    }
  }

  async #copy(): Promise<void> {
    const page = location.origin + location.pathname;
    const report = reportOf(this.#rows, { page, browser: describeBrowser(navigator.userAgent) });
    try {
      await navigator.clipboard.writeText(report);
      setText(byId("copied", HTMLElement), "Copied. It has no token in it.");
    } catch {
      // Pages that are no secure context have no clipboard.
      setText(byId("copied", HTMLElement), "The browser did not allow to copy; here it is:");
      showReport(report);
    }
  }
}

/** As text that can be selected. */
function showReport(report: string): void {
  const pre = document.createElement("pre");
  pre.className = "snippet";
  pre.textContent = report;
  byId("copied", HTMLElement).append(pre);
}

new DiagnosePage().open();
