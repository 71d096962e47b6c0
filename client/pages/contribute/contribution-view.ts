import type { LinkCounters } from "../../../shared/protocol/messages.ts";
import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatBytes, formatCount, formatRate, formatStopwatch } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import { drawManta, setSwims } from "../page/manta.ts";
import { pathWords } from "../page/path-words.ts";
import { Sparkline } from "../page/sparkline.ts";
import type { SessionRecord } from "./session-record.ts";
import { groupNames, type Phase, type Status, statusOf } from "./status.ts";

const SPARK_SIZE = { width: 600, height: 60 };

/** Shows a contribution. Holds no state of its own but the page's elements. */
export class ContributionView {
  readonly #main = byId("main", HTMLElement);
  readonly #start = byId("start", HTMLButtonElement);
  #stopHadFocus = false;
  readonly #stop = byId("stop", HTMLButtonElement);
  readonly #manta = drawManta();
  readonly #spark = new Sparkline(SPARK_SIZE);
  readonly #paths = new KeyedList<LinkCounters>(
    byId("paths", HTMLUListElement),
    (link) => `${link.peer} ${link.path}`,
    pathRow,
  );

  constructor() {
    byId("manta", HTMLElement).append(this.#manta);
    byId("spark", HTMLElement).append(this.#spark.element);
  }

  onButtons(start: () => void, stop: () => void): void {
    this.#start.addEventListener("click", start);
    this.#stop.addEventListener("click", stop);
  }

  setStartable(startable: boolean): void {
    this.#start.disabled = !startable;
  }

  focusStart(): void {
    this.#start.focus();
  }

  /** `snapshot` is undefined before the first start. */
  show(snapshot: ContributionSnapshot | undefined, record: SessionRecord, nowMs: number): void {
    const phase = snapshot?.phase ?? "idle";
    const busy = phase === "working" && record.isBusy(nowMs);
    this.#showPhase(phase, busy);
    this.#showStatus(statusOf(snapshot, busy), phase);
    output("tasks-done", formatCount(snapshot?.tasksDone ?? 0));
    output("tasks-running", formatCount(snapshot?.tasksRunning ?? 0));
    output("tasks-failed", formatCount(snapshot?.tasksFailed ?? 0));
    output("actors", formatCount(snapshot?.actors ?? 0));
    output("stored-bytes", formatBytes(snapshot?.storedBytes ?? 0));
    output("bytes-sent", formatBytes(record.sentBytes));
    output("bytes-received", formatBytes(record.receivedBytes));
    output("time-contributed", formatStopwatch(record.contributedMs(nowMs)));
    output("task-rate", formatRate(record.rates.samples.at(-1) ?? 0));
    this.#spark.show(record.rates);
    const current = groupNames(snapshot?.current ?? []).join(", ") || "nothing";
    const line = byId("current", HTMLElement);
    setText(line, current);
    setAttributes(line, { title: current });
    this.#showPaths(snapshot?.links ?? []);
  }

  #showPhase(phase: Phase, busy: boolean): void {
    const running = phase !== "idle" && phase !== "stopped" && phase !== "failed";
    setAttributes(this.#main, {
      "data-phase": phase,
      "data-activity": phase === "working" ? (busy ? "busy" : "waiting") : undefined,
    });
    setSwims(this.#manta, busy);
    // A button that is disabled loses the focus, at the next frame.
    if (phase === "stopping") this.#stopHadFocus ||= document.activeElement === this.#stop;
    this.#stop.disabled = phase === "stopping";
    if (this.#stop.hidden !== running) return;
    // The two take each other's place: who pressed one by keyboard goes on from the other.
    const { activeElement, body } = document;
    const hasLost = !running && this.#stopHadFocus && activeElement === body;
    const hadFocus = hasLost || activeElement === (running ? this.#start : this.#stop);
    this.#stopHadFocus = false;
    this.#stop.hidden = !running;
    this.#start.hidden = running;
    if (hadFocus) (running ? this.#stop : this.#start).focus();
  }

  #showStatus({ headline, detail }: Status, phase: Phase): void {
    setText(byId("headline", HTMLElement), headline);
    setText(byId("detail", HTMLElement), detail);
    setText(byId("action-status", HTMLElement), headline);
    const title = phase === "idle" ? "Contribute" : headline;
    if (document.title !== `${title} · Manta`) document.title = `${title} · Manta`;
  }

  #showPaths(links: readonly LinkCounters[]): void {
    byId("paths-empty", HTMLElement).hidden = links.length > 0;
    this.#paths.show(links);
  }
}

function pathRow(link: LinkCounters): Row<LinkCounters> {
  const chip = html("span", { class: "chip" });
  const bytes = html("span", { class: "small number" });
  const why = html("span", { class: "why soft small" });
  const peer = html("span", { class: "id" }, link.peer);
  return {
    element: html("li", { "data-path": link.path }, chip, peer, bytes, why),
    update(now) {
      const words = pathWords(now);
      setText(chip, words.label);
      setAttributes(chip, { "data-tone": words.tone });
      setText(bytes, `↑ ${formatBytes(now.sentBytes)}  ↓ ${formatBytes(now.receivedBytes)}`);
      setAttributes(bytes, {
        "aria-label": `${formatBytes(now.sentBytes)} sent, ${formatBytes(now.receivedBytes)} received`,
      });
      setText(why, words.why);
    },
  };
}

const output = (id: string, text: string): void => setText(byId(id, HTMLOutputElement), text);
