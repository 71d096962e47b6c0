/** A peer that `--vs` names, for rows that can be compared with it. */
export type Versus = "ray";

interface Shared {
  readonly value: Promise<unknown>;
  close(): Promise<void>;
}

/** What the rows of one suite share while it runs, such as a mesh. It is closed after the last row. */
export class Stage {
  readonly versus: Versus | undefined;
  readonly #shared = new Map<string, Shared>();

  constructor(versus: Versus | undefined) {
    this.versus = versus;
  }

  /** What the first row opened under this name, for all that ask for it. */
  share<T>(name: string, open: () => Promise<T>, close: (value: T) => Promise<void>): Promise<T> {
    const known = this.#shared.get(name);
    if (known) return known.value as Promise<T>;
    const value = open();
    this.#shared.set(name, {
      value,
      // Whoever asked for one that could not be opened was told so.
      close: () => value.then(close, () => {}),
    });
    return value;
  }

  /** Close one early, so that it does not disturb what is measured next. */
  async release(name: string): Promise<void> {
    const shared = this.#shared.get(name);
    this.#shared.delete(name);
    await shared?.close();
  }

  /** Last opened, first closed. */
  async close(): Promise<void> {
    for (const name of [...this.#shared.keys()].toReversed()) await this.release(name);
  }
}
