import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import { html, setText } from "../page/elements.ts";
import { formatBytes, plural } from "../page/format.ts";
import { KeyedList } from "../page/keyed-list.ts";
import type { Device } from "./settings.ts";

type DeviceRow = readonly [term: string, value: string];

/** “This device”: what the browser told before Start, and what was measured since. */
export function deviceRows(
  device: Device,
  wantsWebrtc: boolean,
  snapshot: ContributionSnapshot | undefined,
): readonly DeviceRow[] {
  const { threads, memoryBytes, gpuName, webrtc, browser } = device;
  const rows: DeviceRow[] = [
    ["Browser", browser],
    ["Processor", plural(threads, "thread")],
    ["Memory", memoryBytes ? `at least ${formatBytes(memoryBytes)}` : "this browser does not tell"],
    ["Graphics", snapshot?.gpuName ?? gpuName ?? "no WebGPU adapter"],
    ["WebRTC", webrtc ? (wantsWebrtc ? "available" : "switched off") : "not available"],
    ["Tensors", tensorWords(snapshot?.backend)],
  ];
  if (snapshot?.peer) rows.unshift(["Peer id", snapshot.peer]);
  return rows;
}

function tensorWords(backend: ContributionSnapshot["backend"]): string {
  if (!backend) return "measured when a task first needs them";
  const others = backend.measured.map(({ name, ms, rejected }) => {
    if (rejected !== undefined) return `${name} rejected: ${rejected}`;
    return ms === undefined ? name : `${name} ${ms.toFixed(1)} ms`;
  });
  return others.length > 0 ? `${backend.chosen} (${others.join(", ")})` : backend.chosen;
}

/** A `<dl>` that shows such rows. */
export const definitionList = (list: Element): KeyedList<DeviceRow> =>
  new KeyedList<DeviceRow>(
    list,
    ([term]) => term,
    ([term]) => {
      const value = html("dd");
      return {
        element: html("div", {}, html("dt", {}, term), value),
        update: ([, text]) => setText(value, text),
      };
    },
  );
