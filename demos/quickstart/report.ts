/** Object bytes a worker moved, by the path they took. */
export type BytesPerPath = Readonly<Record<string, number>>;

export interface WorkerRow {
  readonly name: string;
  readonly runtime: string;
  readonly tasks: number;
  readonly bytes: BytesPerPath;
}

const PATHS = ["websocket", "webrtc", "relay"] as const;

export function bytesPerPath(
  links: readonly { path: string; sentBytes: number; receivedBytes: number }[],
): BytesPerPath {
  const bytes: Record<string, number> = {};
  for (const { path, sentBytes, receivedBytes } of links) {
    bytes[path] = (bytes[path] ?? 0) + sentBytes + receivedBytes;
  }
  return bytes;
}

/** Who ran how many tasks, and how many bytes of objects went which way. */
export function resultTable(rows: readonly WorkerRow[]): string {
  const header = ["worker", "runtime", "tasks", ...PATHS.map((path) => `${path} MB`)];
  const body = rows.map(({ name, runtime, tasks, bytes }) => [
    name,
    runtime,
    String(tasks),
    ...PATHS.map((path) => megabytes(bytes[path] ?? 0)),
  ]);
  const total = [
    "all",
    "",
    String(rows.reduce((sum, { tasks }) => sum + tasks, 0)),
    ...PATHS.map((path) => megabytes(rows.reduce((sum, { bytes }) => sum + (bytes[path] ?? 0), 0))),
  ];
  const lines = [header, ...body, total];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const print = (line: readonly string[]) =>
    line
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("   ")
      .trimEnd();
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 3, -3));
  return [print(header), rule, ...body.map(print), rule, print(total)].join("\n");
}

const megabytes = (bytes: number): string => (bytes === 0 ? "-" : (bytes / 1e6).toFixed(1));
