/** A box from two corners that were drawn on one slice. */

import { nearest, type Direction, type Frame, type Triple } from "./geometry.js";
import type { Box } from "./scene.js";

/**
 * Lowest and highest voxel. Where both corners lie on one slice nothing was said of the depth: the box is as deep
 * as its shorter side, half of it to either side of the slice.
 */
export function boxOf(frame: Frame, from: Triple, to: Triple, through: Direction): Box {
  const [a, b] = [nearest(frame, from), nearest(frame, to)];
  const low: [number, number, number] = [0, 0, 0];
  const high: [number, number, number] = [0, 0, 0];
  for (const k of [0, 1, 2] as const) {
    low[k] = Math.min(a[k], b[k]);
    high[k] = Math.max(a[k], b[k]);
  }
  if (low[through] === high[through]) {
    const sides = ([0, 1, 2] as const)
      .filter((k) => k !== through)
      .map((k) => (high[k] - low[k] + 1) * frame.spacing[k]);
    const half = Math.floor(Math.min(...sides) / 2 / frame.spacing[through]);
    low[through] = Math.max(0, low[through] - half);
    high[through] = Math.min(frame.size[through] - 1, high[through] + half);
  }
  return [low, high];
}

/** Whether two corners are one voxel of the slice: a click, by which no box is meant. */
export function isPoint(frame: Frame, from: Triple, to: Triple): boolean {
  const [a, b] = [nearest(frame, from), nearest(frame, to)];
  return a.every((v, k) => v === b[k]);
}
