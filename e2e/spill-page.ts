import { OpfsSpillFiles, removeOpfsLeftovers } from "../client/browser-worker/opfs-spill-files.ts";
import { spillContract } from "../shared/objects/spill-contract.ts";
import { FileSpill } from "../shared/objects/spill-files.ts";

/** What memory.e2e.ts runs in a page of its own. */
export const spillPage = {
  names: spillContract.map(({ name }) => name),

  async runContract(name: string): Promise<void> {
    const device = new FileSpill(new OpfsSpillFiles());
    await spillContract.find((it) => it.name === name)!.run(device);
    await device.close();
  },

  /** Write something, and leave it there. */
  async leave(): Promise<void> {
    await new FileSpill(new OpfsSpillFiles()).write([new Uint8Array(1_000)]);
  },

  removeLeftovers: removeOpfsLeftovers,

  async folders(): Promise<string[]> {
    const root = await navigator.storage.getDirectory();
    const names: string[] = [];
    for await (const name of root.keys()) names.push(name);
    return names;
  },
};

export type SpillPage = typeof spillPage;
Object.assign(window, { spillPage });
