import { byId, setAttributes, setText } from "../page/elements.ts";
import { formatBytes, plural } from "../page/format.ts";
import { type Device, diskSteps, executorsMax, type Settings, storeSteps } from "./settings.ts";

/** The form in which a person sets what the tab may use. Locked while the tab contributes. */
export class SettingsForm {
  readonly #fields = byId("fields", HTMLFieldSetElement);
  readonly #name = byId("name", HTMLInputElement);
  readonly #executors = byId("executors", HTMLInputElement);
  readonly #memory = byId("memory", HTMLInputElement);
  readonly #disk = byId("disk", HTMLInputElement);
  readonly #gpu = byId("gpu", HTMLInputElement);
  #steps: readonly number[] = [];
  #diskSteps: readonly number[] = [0];
  #threads = 1;

  constructor() {
    byId("settings", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    this.#executors.addEventListener("input", () => this.#showValues());
    this.#memory.addEventListener("input", () => this.#showValues());
    this.#disk.addEventListener("input", () => this.#showValues());
  }

  show(device: Device, settings: Settings): void {
    this.#steps = storeSteps(device);
    this.#threads = device.threads;
    this.#name.value = settings.name;
    this.#name.placeholder = device.browser;
    this.#executors.max = String(executorsMax(device));
    this.#executors.value = String(settings.executors);
    this.#memory.max = String(this.#steps.length - 1);
    this.#memory.value = String(this.#steps.indexOf(settings.storeBytesMax));
    this.#diskSteps = diskSteps(device);
    this.#disk.max = String(this.#diskSteps.length - 1);
    this.#disk.value = String(this.#diskSteps.indexOf(settings.diskBytesMax));
    this.#gpu.checked = settings.gpu;
    this.#gpu.disabled = device.gpuName === undefined;
    setAttributes(this.#gpu, { "aria-describedby": "gpu-note" });
    setText(
      byId("gpu-note", HTMLElement),
      device.gpuName ?? "This browser offers no WebGPU adapter.",
    );
    this.#showValues();
  }

  read(): Settings {
    return {
      name: this.#name.value.trim() || this.#name.placeholder,
      executors: this.#executors.valueAsNumber,
      storeBytesMax: this.#steps[this.#memory.valueAsNumber]!,
      diskBytesMax: this.#diskSteps[this.#disk.valueAsNumber] ?? 0,
      gpu: this.#gpu.checked,
    };
  }

  setLocked(locked: boolean): void {
    this.#fields.disabled = locked;
  }

  /** The value beside each slider; a screen reader hears the same with the slider. */
  #showValues(): void {
    const { executors, storeBytesMax, diskBytesMax } = this.read();
    const share = `${executors} of ${plural(this.#threads, "thread")}`;
    setText(byId("executors-value", HTMLOutputElement), share);
    setAttributes(this.#executors, { "aria-valuetext": share });
    setText(byId("memory-value", HTMLOutputElement), formatBytes(storeBytesMax));
    setAttributes(this.#memory, { "aria-valuetext": formatBytes(storeBytesMax) });
    const disk = diskBytesMax === 0 ? "none" : formatBytes(diskBytesMax);
    setText(byId("disk-value", HTMLOutputElement), disk);
    setAttributes(this.#disk, { "aria-valuetext": disk });
  }
}
