/** How things are shown; nothing of it is about a patient, so it may be kept for the next one. */

import { CT_PRESETS } from "./colours.js";
import { Signal } from "./signal.js";

export const HEATS = ["None", "GTVp probability", "GTVn probability", "Uncertainty", "Disagreement"] as const;
export type Heat = (typeof HEATS)[number];

/** What the server calls each map. */
export const HEAT_MAPS: Readonly<Record<Heat, { map: string; query: string } | undefined>> = {
  None: undefined,
  "GTVp probability": { map: "probability", query: "&class=GTVp" },
  "GTVn probability": { map: "probability", query: "&class=GTVn" },
  Uncertainty: { map: "entropy", query: "" },
  Disagreement: { map: "mutual-information", query: "" },
};

export interface Look {
  centre: number;
  width: number;
  petFrom: number;
  petTo: number;
  petMap: string;
  /** 0: CT alone, 1: PET alone. */
  fusion: number;
  /** Between voxels smooth, or every voxel as it is. */
  smooth: boolean;
  outlines: boolean;
  fill: number;
  heat: Heat;
  heatMap: string;
}

const USUAL: Look = {
  ...(CT_PRESETS["Soft tissue"] ?? { centre: 40, width: 400 }),
  petFrom: 0,
  petTo: 10,
  petMap: "Inferno",
  fusion: 0.4,
  smooth: true,
  outlines: true,
  fill: 0.2,
  heat: "None",
  heatMap: "Viridis",
};
const KEY = "hnuiseg-look";

export class Display {
  look: Look = { ...USUAL, ...usable(kept(KEY)), heat: "None" };
  readonly changed = new Signal();

  set(part: Partial<Look>): void {
    this.look = { ...this.look, ...part };
    keep(KEY, this.look);
    this.changed.tell();
  }
}

/** Of what was kept, by whatever version of this page, only what has the type that it has here. */
function usable(found: Record<string, unknown>): Partial<Look> {
  const usual: Record<string, unknown> = { ...USUAL };
  return Object.fromEntries(Object.entries(found).filter(([name, value]) => typeof value === typeof usual[name]));
}

/** Something kept in this browser; an empty object where there is none, or where it keeps nothing. */
export function kept(key: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function keep(key: string, value: object): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing: the next page begins as usual
  }
}
