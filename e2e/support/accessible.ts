import type { Page } from "playwright/test";

const CONTROLS = new Set([
  "button",
  "checkbox",
  "link",
  "radio",
  "searchbox",
  "slider",
  "switch",
  "textbox",
]);

/** Every control of a page as assistive technology hears it: its role and its name. */
export async function controls(page: Page): Promise<{ role: string; name: string }[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  return nodes
    .filter((node) => !node.ignored && CONTROLS.has(String(node.role?.value)))
    .map((node) => ({ role: String(node.role?.value), name: String(node.name?.value ?? "") }));
}
