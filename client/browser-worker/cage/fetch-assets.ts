import { MeshError } from "../../../shared/errors.ts";
import {
  type CageAssets,
  EXECUTOR_FILE,
  PACKAGING_FILE,
  TFJS_FILE,
  WASM_FILES,
} from "./cage-messages.ts";

/**
 * Load the code that runs in the cage, which cannot fetch it itself.
 *
 * @param folderUrl the built cage, such as `/cage/`.
 * @throws MeshError `START_FAILED` if a file is missing.
 */
export async function fetchCageAssets(folderUrl: string | URL): Promise<CageAssets> {
  const load = (file: string, type: string) => fetchBlob(new URL(file, folderUrl), type);
  const script = "text/javascript";
  const [executor, tfjs, packaging, ...binaries] = await Promise.all([
    load(EXECUTOR_FILE, script),
    load(TFJS_FILE, script),
    load(PACKAGING_FILE, script),
    ...WASM_FILES.map((file) => load(file, "application/wasm")),
  ]);
  const wasm = Object.fromEntries(WASM_FILES.map((file, index) => [file, binaries[index]!]));
  return { executor, tfjs, packaging, wasm };
}

async function fetchBlob(url: URL, type: string): Promise<Blob> {
  const response = await fetch(url);
  if (response.ok) return new Blob([await response.arrayBuffer()], { type });
  throw new MeshError("START_FAILED", `${url.pathname} cannot be loaded: HTTP ${response.status}`);
}
