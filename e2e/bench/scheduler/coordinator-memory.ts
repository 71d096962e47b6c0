const SAMPLE_EVERY_MS = 500;
/** Samples of which the lowest counts: between them young garbage may be collected. */
const SETTLED_SAMPLES = 5;

export interface MemorySample {
  /** In use on the JavaScript heap, garbage that was not collected yet included. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** What the coordinator says of its own memory on /metrics. */
export class CoordinatorMemory {
  readonly #url: string;
  readonly #token: string;
  #watching: NodeJS.Timeout | undefined;
  #peakBytes = 0;

  constructor(url: string, viewToken: string) {
    this.#url = url;
    this.#token = viewToken;
  }

  /** The most that was resident in any sample. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  async sample(): Promise<MemorySample> {
    const headers = { Authorization: `Bearer ${this.#token}` };
    const response = await fetch(`${this.#url}/metrics`, { headers });
    if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
    const text = await response.text();
    const value = (name: string): number => {
      const found = new RegExp(`^manta_coordinator_${name} (\\S+)$`, "m").exec(text)?.[1];
      if (found === undefined) throw new Error(`/metrics says nothing of ${name}`);
      return Number(found);
    };
    const sample = {
      heapBytes: value("nodejs_heap_size_used_bytes"),
      residentBytes: value("process_resident_memory_bytes"),
    };
    this.#peakBytes = Math.max(this.#peakBytes, sample.residentBytes);
    return sample;
  }

  /** When nothing happens: the lowest of a few samples. */
  async settled(): Promise<MemorySample> {
    const samples: MemorySample[] = [];
    while (samples.length < SETTLED_SAMPLES) {
      samples.push(await this.sample());
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
    }
    return {
      heapBytes: Math.min(...samples.map(({ heapBytes }) => heapBytes)),
      residentBytes: Math.min(...samples.map(({ residentBytes }) => residentBytes)),
    };
  }

  /** Look now and then, for {@link peakBytes}. */
  watch(): void {
    // One that is not answered in time is made up for by the next.
    const look = () => void this.sample().catch(() => {});
    this.#watching = setInterval(look, SAMPLE_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#watching);
  }
}
