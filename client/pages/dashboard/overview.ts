import { byId, setText } from "../page/elements.ts";
import { formatBytes, formatCount, formatRate, plural } from "../page/format.ts";
import { Sparkline } from "../page/sparkline.ts";
import { MeshDrawing } from "./mesh-drawing.ts";
import { type MeshState, taskCounts } from "./state.ts";
import type { Throughput } from "./throughput.ts";

/** The panel on top: tiles, the drawing of the mesh, and throughput. */
export class Overview {
  readonly #drawing = new MeshDrawing(byId("drawing", HTMLElement), byId("legend", HTMLElement));
  readonly #spark = new Sparkline({ width: 1_200, height: 60 });

  constructor() {
    byId("spark", HTMLElement).append(this.#spark.element);
  }

  show({ mesh, peers }: MeshState, throughput: Throughput): void {
    const tabs = peers.filter((peer) => peer.role === "worker" && peer.runtime === "browser");
    const counts = taskCounts(mesh);
    tile("workers", formatCount(mesh.workers), [
      plural(tabs.length, "browser tab"),
      plural(mesh.drivers, "driver"),
    ]);
    tile("running", formatCount(counts.running), [`${formatCount(counts.waiting)} waiting`]);
    tile("done", formatCount(counts.done), [
      `${formatCount(counts.failed)} failed`,
      ...(mesh.tasksRetried > 0 ? [`${formatCount(mesh.tasksRetried)} retried`] : []),
    ]);
    tile("actors", formatCount(mesh.actors), []);
    tile("objects", formatCount(mesh.objects), [
      formatBytes(mesh.objectBytes),
      ...(mesh.relayedBytes > 0 ? [`${formatBytes(mesh.relayedBytes)} relayed`] : []),
    ]);
    this.#drawing.show(peers);
    setText(byId("rate", HTMLElement), formatRate(throughput.latest));
    setText(
      byId("rate-peak", HTMLElement),
      `now, ${formatRate(throughput.history.peak)} at the peak`,
    );
    this.#spark.show(throughput.history);
  }
}

function tile(name: string, value: string, notes: readonly string[]): void {
  setText(byId(`tile-${name}`, HTMLElement), value);
  setText(byId(`tile-${name}-note`, HTMLElement), notes.join(" · "));
}
