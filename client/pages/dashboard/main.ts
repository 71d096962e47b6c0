import "../style/base.css";
import "../style/controls.css";
import "../style/water.css";
import "./dashboard.css";
import "./overview.css";
import type { TaskId } from "../../../shared/ids.ts";
import type { Explanation } from "../../../shared/protocol/explanation.ts";
import { byId, setAttributes, setText } from "../page/elements.ts";
import { fillMasthead } from "../page/masthead.ts";
import { getJson, TokenRefused } from "../page/mesh-api.ts";
import { rememberToken, takeToken } from "../page/session.ts";
import { TokenGate } from "../page/token-gate.ts";
import { ObjectsTable } from "./objects-table.ts";
import { Overview } from "./overview.ts";
import { PeersTable } from "./peers-table.ts";
import { freshnessWords, Poller } from "./polling.ts";
import type { MeshState } from "./state.ts";
import { TasksList } from "./tasks-list.ts";
import { Throughput } from "./throughput.ts";

const FRESHNESS_EVERY_MS = 1_000;

/** The page's one controller: asks for the state of the mesh and hands it to the parts. */
class DashboardPage {
  readonly #overview = new Overview();
  readonly #throughput = new Throughput();
  readonly #peers = new PeersTable((peer) => this.#nameOf(peer));
  readonly #objects = new ObjectsTable((peer) => this.#nameOf(peer));
  readonly #tasks = new TasksList({
    nameOf: (peer) => this.#nameOf(peer),
    submitterOf: (peer) => this.#names.get(peer) ?? "a driver that has left",
    explain: (task) => this.#explain(task),
  });
  readonly #gate = new TokenGate(byId("token-gate", HTMLElement), "dashboard", (token) => {
    rememberToken("dashboard", token, window);
    this.#token = token;
    this.#poller.now();
  });
  readonly #poller = new Poller(() => this.#ask());
  /** Peers that left keep their names: their tasks and objects are still listed. */
  readonly #names = new Map<string, string>();
  #token = takeToken("dashboard", window);
  #heardMs: number | undefined;
  #trouble: string | undefined;

  open(): void {
    fillMasthead(byId("masthead", HTMLElement), "dashboard");
    setText(
      byId("worker-command", HTMLElement),
      `manta worker --url ${location.origin} --token TOKEN`,
    );
    setInterval(() => this.#showFreshness(), FRESHNESS_EVERY_MS);
    if (this.#token !== undefined) return this.#poller.now();
    this.#gate.show("missing");
    this.#trouble = "No token.";
    this.#showFreshness();
  }

  async #ask(): Promise<void> {
    try {
      const state = await getJson<MeshState>("/v1/state", this.#token ?? "");
      this.#heardMs = performance.now();
      this.#trouble = undefined;
      this.#gate.hide();
      this.#show(state, this.#heardMs);
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      if (error instanceof TokenRefused) {
        this.#trouble = "The token was refused.";
        this.#gate.show(error.problem);
        this.#poller.stop();
      }
      throw error;
    } finally {
      this.#showFreshness();
    }
  }

  #show(state: MeshState, nowMs: number): void {
    for (const { peer, name } of state.peers) this.#names.set(peer, name);
    this.#throughput.note(state.mesh, nowMs);
    this.#overview.show(state, this.#throughput);
    this.#peers.show(state.peers);
    this.#tasks.show(state.tasks, state.mesh);
    this.#objects.show(state.objects);
  }

  #explain(task: TaskId): Promise<Explanation> {
    return getJson(`/v1/explain/${encodeURIComponent(task)}`, this.#token ?? "");
  }

  #nameOf(peer: string): string {
    return this.#names.get(peer) ?? peer;
  }

  #showFreshness(): void {
    const { tone, label, announcement } = freshnessWords(
      { heardMs: this.#heardMs, trouble: this.#trouble, nextTryMs: this.#poller.nextTryMs },
      performance.now(),
    );
    const chip = byId("freshness", HTMLElement);
    setText(chip, label);
    setAttributes(chip, { "data-tone": tone });
    setAttributes(byId("main", HTMLElement), {
      "data-freshness": tone === "good" ? "live" : tone === "bad" ? "stale" : "connecting",
    });
    setText(byId("announcement", HTMLElement), announcement);
  }
}

new DashboardPage().open();
