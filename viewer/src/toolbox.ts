/** Buttons for class and tools, and what can be set of the tool in hand. */

import { CLASS_COLOURS, TUMOURS } from "./colours.js";
import { button, h } from "./dom.js";
import { asksNetwork, BRUSH_MM, REACH_MM, TOOLS, TOOL_NAMES, type Tools } from "./tools.js";
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
  const about = h("p", { class: "quiet about" });
  const brush = sized("Brush", "Brush radius in mm", BRUSH_MM.least, BRUSH_MM.most, 0.5, (mm) => tools.chooseRadius(mm));
  // the step below the least leaves the reach to the lesion
  const reach = sized("Reach", "How far a click reaches", REACH_MM.least - 1, REACH_MM.most, 1, (mm) => tools.chooseReach(mm));
  const both = h("input", { type: "checkbox", onchange: () => tools.chooseBoth(both.checked) });
  const bothRow = h("label", { class: "field check" }, both, h("span", {}, "Rub out both classes"));
  const show = (): void => {
    TUMOURS.forEach((tumour, i) => classes[i]?.setAttribute("aria-pressed", String(tools.tumour === tumour)));
    TOOL_NAMES.forEach((name, i) => {
      const made = buttons[i];
      if (!made) return;
      made.setAttribute("aria-pressed", String(tools.tool === name));
      made.disabled = name !== "look" && (!work.mayEdit || (asksNetwork(name) && !work.facts.asks_network));
    });
    const { about: words, kind } = TOOLS[tools.tool];
    about.textContent = words;
    brush.show(tools.radiusMm, `${tools.radiusMm} mm`);
    reach.show(tools.reachMm ?? REACH_MM.least - 1, tools.reachMm === undefined ? "usual" : `${tools.reachMm} mm`);
    both.checked = tools.erasesBoth;
    brush.row.hidden = kind !== "paint";
    reach.row.hidden = kind !== "click" && kind !== "line";
    bothRow.hidden = tools.tool !== "eraser";
  };
  tools.changed.on(show);
  work.changed.on(show);
  show();
  return h(
    "section",
    { class: "panel", "aria-label": "Tools" },
    h("h2", {}, "Tools"),
    h("div", { class: "pairs", role: "group", "aria-label": "Class" }, ...classes),
    h("div", { class: "pairs", role: "group", "aria-label": "Tool" }, ...buttons),
    about,
    brush.row,
    reach.row,
    bothRow,
  );
}

interface Sized {
  readonly row: HTMLElement;
  readonly show: (value: number, text: string) => void;
}

function sized(name: string, label: string, min: number, max: number, step: number, set: (value: number) => void): Sized {
  const size = h("output", {});
  const slider = h("input", {
    type: "range", min: String(min), max: String(max), step: String(step), "aria-label": label,
    oninput: () => set(Number(slider.value)),
  });
  const show = (value: number, text: string): void => {
    slider.value = String(value);
    slider.setAttribute("aria-valuetext", text);
    size.textContent = text;
  };
  return { row: h("div", { class: "row sized" }, h("span", {}, name), slider, size), show };
}
