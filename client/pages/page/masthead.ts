import { html } from "./elements.ts";
import { drawManta } from "./manta.ts";
import type { PageName } from "./session.ts";

const PAGES: readonly (readonly [page: PageName, title: string])[] = [
  ["contribute", "Contribute"],
  ["dashboard", "Dashboard"],
  ["console", "Console"],
  ["diagnose", "Diagnose"],
];

/** Fill the page's header: the brand and the way to the other pages. */
export function fillMasthead(header: Element, current: PageName): void {
  const brand = html(
    "div",
    { class: "brand" },
    drawManta(),
    "Manta",
    html("span", {}, "Ray for the web"),
  );
  const links = PAGES.map(([page, title]) =>
    html(
      "li",
      {},
      html("a", { href: `/${page}`, "aria-current": page === current ? "page" : undefined }, title),
    ),
  );
  header.append(brand, html("nav", { "aria-label": "Pages" }, html("ul", {}, ...links)));
}
