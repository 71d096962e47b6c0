/** How long the browser may take to name its GPU before the tab goes on without. */
const ADAPTER_MS_MAX = 3_000;

/** What the browser calls this machine's graphics processor, if it has one that pages can use. */
export async function nameGpu(): Promise<string | undefined> {
  // Absent in browsers without WebGPU and on pages that are not a secure context.
  const gpu = (navigator as { gpu?: GPU }).gpu;
  if (!gpu) return undefined;
  const tooLate = new Promise<null>((resolve) => setTimeout(resolve, ADAPTER_MS_MAX, null));
  const adapter = await Promise.race([gpu.requestAdapter().catch(() => null), tooLate]);
  if (!adapter) return undefined;
  const { vendor, architecture, description } = adapter.info;
  return description || `${vendor} ${architecture}`.trim() || "WebGPU adapter";
}
