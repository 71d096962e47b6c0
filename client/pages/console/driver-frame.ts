import { html } from "../page/elements.ts";

export type ConsoleLevel = "log" | "info" | "warn" | "error" | "debug" | "table" | "dir";
const LEVELS: readonly ConsoleLevel[] = ["log", "info", "warn", "error", "debug", "table", "dir"];

export interface DriverListener {
  onConsole(level: ConsoleLevel, values: readonly unknown[]): void;
  /** The module ran to its end. What it left running may still print. */
  onFinished(): void;
  /** The module, or something it did not wait for, threw. `where` is there for syntax errors. */
  onFailed(error: unknown, where?: string): void;
}

/** The window of a driver: its own globals, and what the page puts there. */
interface DriverRealm extends Window {
  readonly console: Console;
  driverSettled?: (failure?: { readonly error: unknown }) => void;
}

/**
 * The import map cannot be changed or left by a driver, and `<base>` makes relative addresses mean
 * what they mean in the page.
 */
const documentText = (origin: string): string =>
  `<!doctype html><meta charset="utf-8"><title>Driver</title><base href="${origin}/">` +
  `<script type="importmap">{"imports":{"manta":"/manta.js"}}</script>`;

/**
 * Runs one driver as a module. It gets a frame of the page's own origin, so that `connect()` finds
 * the token and the mesh, and so that it can be stopped: a module cannot be, but taking its frame
 * away ends its code, its timers and its connections at once.
 */
export class DriverFrame {
  readonly #frame: HTMLIFrameElement;
  readonly #urls: string[] = [];
  readonly #listener: DriverListener;
  #locating = false;
  #stopped = false;

  constructor(source: string, listener: DriverListener) {
    this.#listener = listener;
    const driverUrl = this.#blobUrl(`${source}\n//# sourceURL=driver.js`, "text/javascript");
    this.#frame = html("iframe", {
      class: "visually-hidden",
      title: "The running driver",
      "aria-hidden": "true",
      tabindex: -1,
      src: this.#blobUrl(documentText(location.origin), "text/html"),
    });
    this.#frame.addEventListener("load", () => this.#run(driverUrl), { once: true });
    document.body.append(this.#frame);
  }

  stop(): void {
    this.#stopped = true;
    this.#frame.remove();
    for (const url of this.#urls) URL.revokeObjectURL(url);
  }

  #run(driverUrl: string): void {
    const realm = this.#frame.contentWindow as DriverRealm | null;
    if (this.#stopped || !realm) return;
    this.#capture(realm);
    realm.driverSettled = (failure) => {
      if (!failure) this.#listener.onFinished();
      else if (isUnlocated(failure.error)) this.#locate(driverUrl, realm);
      else this.#listener.onFailed(failure.error);
    };
    const bootstrap =
      `import(${JSON.stringify(driverUrl)})` +
      `.then(() => driverSettled(), (error) => driverSettled({ error }));`;
    this.#addModule(realm, this.#blobUrl(bootstrap, "text/javascript"));
  }

  #capture(realm: DriverRealm): void {
    for (const level of LEVELS) {
      const print = realm.console[level].bind(realm.console);
      realm.console[level] = (...values: unknown[]) => {
        print(...values);
        if (!this.#stopped) this.#listener.onConsole(level, values);
      };
    }
    realm.addEventListener("unhandledrejection", (event) => this.#listener.onFailed(event.reason));
    realm.addEventListener("error", ({ error, lineno, colno }) => {
      this.#listener.onFailed(error, this.#locating ? `driver.js:${lineno}:${colno}` : undefined);
      this.#locating = false;
    });
  }

  /**
   * An import that fails to parse does not say where. The same module as a script element does, and
   * what cannot be parsed does not run a second time.
   */
  #locate(driverUrl: string, realm: DriverRealm): void {
    this.#locating = true;
    this.#addModule(realm, driverUrl);
  }

  #addModule(realm: DriverRealm, url: string): void {
    const script = realm.document.createElement("script");
    script.type = "module";
    script.src = url;
    realm.document.head.append(script);
  }

  #blobUrl(text: string, type: string): string {
    const url = URL.createObjectURL(new Blob([text], { type }));
    this.#urls.push(url);
    return url;
  }
}

/** A syntax error of the driver itself, not one that its code threw, as `JSON.parse` does. */
function isUnlocated(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { name, stack } = error as { name?: unknown; stack?: unknown };
  return name === "SyntaxError" && !String(stack).includes("driver.js:");
}
