/** Buttons for class, tools and brush. */

import { CLASS_COLOURS, TUMOURS } from "./colours.js";
import { button, h } from "./dom.js";
import { BRUSH_MM, TOOLS, TOOL_NAMES, type Tools } from "./tools.js";
import type { Work } from "./work.js";

export function toolbox(tools: Tools, work: Work): HTMLElement {
  const classes = TUMOURS.map((tumour, i) => {
    const swatch = h("span", { class: `swatch ${tumour}`, "aria-hidden": "true" });
    swatch.style.borderColor = CLASS_COLOURS[tumour];
    return h(
      "button",
      { type: "button", onclick: () => tools.chooseClass(tumour), "aria-keyshortcuts": String(i + 1), title: `${tumour} (${i + 1})` },
      swatch,
      tumour,
    );
  });
  const buttons = TOOL_NAMES.map((name) => {
    const tool = TOOLS[name];
    return button(tool.name, () => tools.choose(name), {
      "aria-keyshortcuts": tool.key,
      title: `${tool.about} (${tool.key})`,
      "data-tool": name,
    });
  });
  const about = h("p", { class: "quiet" });
  const size = h("output", {});
  const slider = h("input", {
    type: "range",
    min: String(BRUSH_MM.least),
    max: String(BRUSH_MM.most),
    step: "0.5",
    "aria-label": "Brush radius in mm",
    oninput: () => tools.chooseRadius(Number(slider.value)),
  });
  const brush = h("div", { class: "row brush" }, h("span", {}, "Brush"), slider, size);
  const show = (): void => {
    TUMOURS.forEach((tumour, i) => classes[i]?.setAttribute("aria-pressed", String(tools.tumour === tumour)));
    TOOL_NAMES.forEach((name, i) => {
      const made = buttons[i];
      if (!made) return;
      made.setAttribute("aria-pressed", String(tools.tool === name));
      const asks = name === "add" || name === "remove" || name.startsWith("scribble");
      made.disabled = name !== "look" && (!work.mayEdit || (asks && !work.facts.asks_network));
    });
    about.textContent = TOOLS[tools.tool].about;
    slider.value = String(tools.radiusMm);
    size.textContent = `${tools.radiusMm} mm`;
    brush.hidden = tools.tool !== "brush" && tools.tool !== "eraser";
  };
  tools.changed.on(show);
  work.changed.on(show);
  show();
  return h(
    "section",
    { class: "panel", "aria-label": "Tools" },
    h("h2", {}, "Tools"),
    h("div", { class: "segmented", role: "group", "aria-label": "Class" }, ...classes),
    h("div", { class: "tools", role: "group", "aria-label": "Tool" }, ...buttons),
    about,
    brush,
  );
}
