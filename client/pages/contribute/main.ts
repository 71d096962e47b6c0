import "../style/base.css";
import "../style/controls.css";
import "../style/water.css";
import "./contribute.css";
import type {
  Contribution,
  ContributionSnapshot,
} from "../../browser-worker/contribution-types.ts";
import { contribute } from "../../browser-worker/contribution.ts";
import { byId, setText } from "../page/elements.ts";
import { fillMasthead } from "../page/masthead.ts";
import { getJson, TokenRefused } from "../page/mesh-api.ts";
import { rememberToken, takeToken } from "../page/session.ts";
import { TokenGate } from "../page/token-gate.ts";
import { ContributionView } from "./contribution-view.ts";
import { definitionList, deviceRows } from "./device-rows.ts";
import { probeDevice } from "./device.ts";
import { SessionRecord } from "./session-record.ts";
import { SettingsForm } from "./settings-form.ts";
import { type Device, settingsFor, wishesFrom } from "./settings.ts";

const SAMPLE_EVERY_MS = 1_000;

/** The page's one controller: joins the person's buttons, the engine and the view. */
class ContributePage {
  readonly #view = new ContributionView();
  readonly #form = new SettingsForm();
  readonly #wishes = wishesFrom(location.search);
  readonly #gate = new TokenGate(byId("token-gate", HTMLElement), "contribute", (token) => {
    rememberToken("contribute", token, window);
    this.#token = token;
    this.#view.setStartable(true);
    void this.#checkToken();
  });
  #token = takeToken("contribute", window);
  #device: Device | undefined;
  #contribution: Contribution | undefined;
  #snapshot: ContributionSnapshot | undefined;
  #record = new SessionRecord();
  readonly #deviceRows = definitionList(byId("device", HTMLElement));
  #drawing = false;

  async open(): Promise<void> {
    fillMasthead(byId("masthead", HTMLElement), "contribute");
    setText(byId("mesh-url", HTMLElement), location.host);
    this.#view.onButtons(
      () => this.#start(),
      () => this.#stop(),
    );
    setInterval(() => {
      this.#record.sample(performance.now());
      this.#draw();
    }, SAMPLE_EVERY_MS);
    this.#device = await probeDevice();
    this.#form.show(this.#device, settingsFor(this.#device, this.#wishes));
    this.#form.setLocked(false);
    this.#draw();
    if (this.#token === undefined) return this.#gate.show("missing");
    this.#view.setStartable(true);
    if (this.#wishes.autoStart) this.#startUnlessPerson();
    await this.#checkToken();
  }

  #startUnlessPerson(): void {
    if (navigator.webdriver) this.#start();
    else this.#view.focusStart();
  }

  /** A token that the mesh does not know is said before a person waits for it to fail. */
  async #checkToken(): Promise<void> {
    const token = this.#token ?? "";
    try {
      await getJson("/v1/state", token);
    } catch (error) {
      // The answer may come after the person has given another token, of which it says nothing.
      if (error instanceof TokenRefused && token === this.#token) this.#gate.show(error.problem);
    }
  }

  #start(): void {
    if (this.#token === undefined || this.#contribution) return;
    const settings = this.#form.read();
    this.#form.setLocked(true);
    this.#record = new SessionRecord();
    this.#contribution = contribute({
      ...settings,
      url: location.origin,
      token: this.#token,
      webrtc: this.#wishes.webrtc,
      onChange: (snapshot) => this.#onChange(snapshot),
    });
    this.#onChange(this.#contribution.snapshot());
  }

  #stop(): void {
    void this.#contribution?.stop();
  }

  #onChange(snapshot: ContributionSnapshot): void {
    const phaseChanged = snapshot.phase !== this.#snapshot?.phase;
    this.#snapshot = snapshot;
    this.#record.note(snapshot, performance.now());
    if (snapshot.phase === "stopped" || snapshot.phase === "failed") {
      this.#contribution = undefined;
      if (snapshot.phase === "failed") void this.#checkToken();
      this.#form.setLocked(false);
    }
    if (phaseChanged) this.#draw();
    else this.#drawSoon();
  }

  /** Thousands of changes a second are drawn once a frame; in a hidden tab, once a sample. */
  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw(): void {
    this.#view.show(this.#snapshot, this.#record, performance.now());
    if (this.#device) {
      const { webrtc } = this.#wishes;
      this.#deviceRows.show(deviceRows(this.#device, webrtc, this.#snapshot));
    }
  }
}

void new ContributePage().open();
