import { setAttributes, svg } from "./elements.ts";

/** The left half of the mark, from the middle of the head round to the tail. */
const HALF =
  "M32 18.6c-2.3 0-3.6-.9-4.1-2.6l-.9-3.3c-.5-1.7-2.6-1.6-2.9.1-.3 1.7-.9 3-2 3.8" +
  "C16.5 20.2 7.5 23.5 1.2 35.6c-.3.6.3 1.2.9.9 7.4-3.5 13.7-2.6 18.7 1.4" +
  " 4 3.2 7.4 6.6 9.3 9.7l1.2 13.2c.05.45.35.68.7.68z";
const MIDDLE = "M29 18.2h6l-2.3 43h-1.4z";
const GILLS = ["M25.5 26.5l1.8 1.2", "M25 29l2 1.3", "M24.8 31.6l2.1 1.3"];

/** The mark, drawn in two wings that can flap. Decoration: what it tells is said in words beside. */
export function drawManta(): SVGSVGElement {
  const wing = () =>
    svg(
      "g",
      { class: "wing" },
      svg("path", { d: HALF }),
      ...GILLS.map((d) => svg("path", { d, class: "gill" })),
    );
  const body = svg(
    "g",
    { class: "body" },
    svg("path", { d: MIDDLE }),
    wing(),
    svg("g", { transform: "matrix(-1 0 0 1 64 0)" }, wing()),
  );
  return svg("svg", { class: "manta", viewBox: "0 4 64 64", "aria-hidden": "true" }, body);
}

/** Swimming means working. */
export const setSwims = (manta: SVGSVGElement, swims: boolean): void =>
  setAttributes(manta, { "data-swims": String(swims) });
