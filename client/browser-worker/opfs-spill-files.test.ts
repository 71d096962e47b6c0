import { afterEach, expect, test, vi } from "vitest";
import { OpfsSpillFiles } from "./opfs-spill-files.ts";

afterEach(() => vi.unstubAllGlobals());

test("a folder that could not be made gives up its lock, and the next object tries anew", async () => {
  const held = new Set<string>();
  const locks = {
    async request(name: string, hold: () => Promise<void>) {
      held.add(name);
      await hold();
      held.delete(name);
    },
  };
  const removed: string[] = [];
  const folder = { removeEntry: async (name: string) => void removed.push(name) };
  const getDirectoryHandle = vi
    .fn()
    .mockRejectedValueOnce(new Error("no room for a folder"))
    .mockResolvedValue(folder);
  const root = { getDirectoryHandle, removeEntry: async () => {} };
  vi.stubGlobal("navigator", { locks, storage: { getDirectory: async () => root } });
  const files = new OpfsSpillFiles();
  await expect(files.remove("f1")).rejects.toThrow("no room for a folder");
  await vi.waitFor(() => expect(held.size).toBe(0));
  await files.remove("f1");
  expect(removed).toEqual(["f1"]);
  expect(held.size).toBe(1);
  await files.close();
  await vi.waitFor(() => expect(held.size).toBe(0));
});
