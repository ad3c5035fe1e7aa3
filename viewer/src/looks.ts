/** Settings of what is seen: windows, fusion, contours, heat maps. */

import { colourTable, CT_PRESETS, MAP_NAMES } from "./colours.js";
import { chosen, h, labelled } from "./dom.js";
import { HEATS, type Display, type Heat } from "./display.js";

const OWN = "By hand";

export function looks(display: Display, hasPet: boolean): HTMLElement {
  const { look } = display;
  const presets = chosen([...Object.keys(CT_PRESETS), OWN], OWN, (name) => {
    const preset = CT_PRESETS[name];
    if (preset) display.set(preset);
  });
  const petTo = h("input", {
    type: "number", min: "0.5", max: "100", step: "0.5", value: String(look.petTo),
    onchange: () => display.set(window(display.look.petFrom, Number(petTo.value) || 10)),
  });
  const petFrom = h("input", {
    type: "number", min: "0", max: "99", step: "0.5", value: String(look.petFrom),
    onchange: () => display.set(window(Number(petFrom.value) || 0, display.look.petTo)),
  });
  const fusion = slider(() => display.look.fusion, (fusion) => display.set({ fusion }));
  const fill = slider(() => display.look.fill, (fill) => display.set({ fill }));
  const petMap = chosen(MAP_NAMES, look.petMap, (petMap) => display.set({ petMap }));
  const heat = chosen(HEATS, look.heat, (name) => display.set({ heat: name as Heat }), { "data-setting": "heat" });
  const heatMap = chosen(MAP_NAMES, look.heatMap, (heatMap) => display.set({ heatMap }));
  const outlines = h("input", {
    type: "checkbox", checked: look.outlines,
    onchange: () => display.set({ outlines: outlines.checked }),
  });
  const smooth = h("input", {
    type: "checkbox", checked: look.smooth, title: "Smooth between voxels; off: every voxel as it is",
    onchange: () => display.set({ smooth: smooth.checked }),
  });
  const petBar = bar();
  const heatBar = bar();
  const heatColours = labelled("Its colours", heatMap);
  const heatEnds = h("p", { class: "quiet ends" });
  const heatBox = h("div", { class: "legend" }, heatBar, heatEnds);
  const petEnds = h("p", { class: "quiet ends" });
  const fusionField = labelled("Fusion", fusion);
  const petFields = h("div", { class: "group" },
    fusionField,
    h("div", { class: "field" }, h("span", {}, "SUV"),
      h("span", { class: "range" }, named(petFrom, "Lowest SUV shown"), " to ", named(petTo, "Highest SUV shown"))),
    labelled("PET colours", petMap),
    h("div", { class: "legend" }, petBar, petEnds));
  petFields.hidden = !hasPet;
  const show = (): void => {
    const now = display.look;
    const match = Object.entries(CT_PRESETS).find(([, p]) => p.centre === now.centre && p.width === now.width);
    presets.value = match?.[0] ?? OWN;
    fusion.value = String(now.fusion);
    fill.value = String(now.fill);
    heat.value = now.heat;
    outlines.checked = now.outlines;
    smooth.checked = now.smooth;
    petTo.value = String(now.petTo);
    petFrom.value = String(now.petFrom);
    paintBar(petBar, now.petMap);
    petEnds.replaceChildren(h("span", {}, `SUV ${now.petFrom}`), h("span", {}, "hatched: beyond the PET"), h("span", {}, `${now.petTo}`));
    paintBar(heatBar, now.heatMap);
    heatBox.hidden = heatColours.hidden = now.heat === "None";
    fusionField.hidden = now.heat !== "None"; // a heat map lies over the CT alone
    const doubt = now.heat === "Uncertainty" || now.heat === "Disagreement";
    heatEnds.replaceChildren(
      h("span", {}, "0"),
      h("span", {}, doubt ? "hatched: not sampled" : "over the CT alone"),
      h("span", {}, doubt ? "1.1 nat" : "100 %"),
    );
  };
  display.changed.on(show);
  show();
  return h(
    "section",
    { class: "panel", "aria-label": "View" },
    h("h2", {}, "View"),
    labelled("CT window", presets),
    petFields,
    h("div", { class: "group" },
      h("div", { class: "pairs" },
        h("label", { class: "field check" }, outlines, h("span", {}, "Contours")),
        h("label", { class: "field check" }, smooth, h("span", {}, "Smooth"))),
      labelled("Fill", fill)),
    h("div", { class: "group" },
      labelled("Heat map", heat),
      heatColours,
      heatBox),
  );
}

/** An SUV window that is one: its end above its beginning. */
function window(from: number, to: number): { petFrom: number; petTo: number } {
  const petFrom = Math.min(99, Math.max(0, from));
  return { petFrom, petTo: Math.min(100, Math.max(petFrom + 0.5, to)) };
}

function slider(value: () => number, set: (value: number) => void): HTMLInputElement {
  const made = h("input", {
    type: "range", min: "0", max: "1", step: "0.05", value: String(value()),
    oninput: () => set(Number(made.value)),
  });
  return made;
}

function named<T extends HTMLElement>(element: T, name: string): T {
  element.setAttribute("aria-label", name);
  return element;
}

function bar(): HTMLCanvasElement {
  return h("canvas", { class: "scale", width: 256, height: 1, "aria-hidden": "true" });
}

function paintBar(canvas: HTMLCanvasElement, map: string): void {
  const table = colourTable(map);
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) {
    image.data.set([table[3 * i] ?? 0, table[3 * i + 1] ?? 0, table[3 * i + 2] ?? 0, 255], 4 * i);
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
