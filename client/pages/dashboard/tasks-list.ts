import type { MeshSummary } from "../../../shared/protocol/messages.ts";
import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatCount, formatDuration, plural } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import { Explainer, type Explains } from "./explainer.ts";
import { MoreRows } from "./more-rows.ts";
import { TASK_GROUPS, taskCounts, type TaskGroup, taskGroup, type TaskSummary } from "./state.ts";

/** Calm where nothing is to be done: a task that ended well has no colour. */
const TONES: Readonly<Record<TaskGroup, string | undefined>> = {
  waiting: "plain",
  running: "good",
  done: undefined,
  failed: "bad",
};

interface Source extends Explains {
  nameOf(peer: string): string;
  submitterOf(peer: string): string;
}

/** The latest tasks, a filter by state, and per task why it is where it is. */
export class TasksList {
  readonly #filter = new TaskFilter(() => this.#draw());
  readonly #empty = byId("tasks-empty", HTMLElement);
  readonly #none = byId("tasks-none", HTMLElement);
  readonly #rows: KeyedList<TaskSummary>;
  readonly #more = new MoreRows(byId("tasks-more", HTMLElement), "tasks", () => this.#draw());
  #tasks: readonly TaskSummary[] = [];

  constructor(source: Source) {
    this.#rows = new KeyedList<TaskSummary>(
      byId("task-rows", HTMLUListElement),
      ({ task }) => task,
      (task) => taskRow(task, source),
    );
  }

  show(tasks: readonly TaskSummary[], mesh: MeshSummary): void {
    this.#tasks = tasks;
    this.#filter.show(taskCounts(mesh));
    this.#draw();
  }

  #draw(): void {
    const group = this.#filter.group;
    const wanted = this.#tasks.filter(({ state }) => !group || taskGroup(state) === group);
    const shown = this.#more.cut(wanted);
    this.#rows.show(shown);
    this.#empty.hidden = this.#tasks.length > 0;
    this.#none.hidden = this.#tasks.length === 0 || shown.length > 0;
    setText(this.#none, `None of the latest ${plural(this.#tasks.length, "task")} is ${group}.`);
  }
}

/** One radio button per group, with how many tasks the mesh has had in it. */
class TaskFilter {
  group: TaskGroup | undefined;
  readonly #counts = new Map<TaskGroup, HTMLElement>();

  constructor(onChange: () => void) {
    const choice = (group: TaskGroup | undefined, ...label: (Node | string)[]) => {
      const input = html("input", { type: "radio", name: "task-filter", value: group ?? "all" });
      input.checked = group === undefined;
      input.addEventListener("change", () => {
        this.group = group;
        onChange();
      });
      return html("label", {}, input, html("span", {}, ...label));
    };
    const filter = byId("task-filter", HTMLFieldSetElement);
    filter.append(choice(undefined, "all"));
    for (const group of TASK_GROUPS) {
      const count = html("span", { class: "number" });
      this.#counts.set(group, count);
      filter.append(choice(group, `${group} `, count));
    }
  }

  show(counts: Readonly<Record<TaskGroup, number>>): void {
    for (const [group, element] of this.#counts) setText(element, formatCount(counts[group]));
  }
}

function taskRow({ task, name, submitter }: TaskSummary, source: Source): Row<TaskSummary> {
  const state = html("span", { class: "chip" });
  const where = html("span", { class: "where" });
  const age = html("span", { class: "age soft number" });
  const disclosure = new Explainer(task, name, source);
  return {
    element: html(
      "li",
      { "data-task": task },
      state,
      html(
        "span",
        { class: "what" },
        html("strong", {}, name),
        " ",
        html("span", { class: "id" }, task),
      ),
      where,
      age,
      disclosure.button,
      disclosure.region,
    ),
    update(now) {
      const group = taskGroup(now.state);
      setText(state, now.state);
      // Somebody wanted it so: nothing is wrong.
      const tone = now.state === "cancelled" ? "plain" : group && TONES[group];
      setAttributes(state, { "data-tone": tone });
      const attempts = now.attempts > 1 ? `, attempt ${now.attempts}` : "";
      setText(
        where,
        now.worker
          ? `on ${source.nameOf(now.worker)}${attempts}`
          : `from ${source.submitterOf(submitter)}${attempts}`,
      );
      setText(age, `${formatDuration(now.ageMs)} ago`);
      disclosure.refresh(`${now.state} ${now.attempts} ${now.worker ?? ""}`);
    },
  };
}
