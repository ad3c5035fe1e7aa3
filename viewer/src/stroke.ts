/** The line that a pointer draws, as places close enough that no voxel of it is left out. */

import { isInside, type Frame, type Triple } from "./geometry.js";
import type { Stroke } from "./scene.js";

/** The server takes 10,000 positions in an edit, and a body of a megabyte. */
export const MOST_POSITIONS = 9000;

/** Draw on to a place; whether there was room for it. Outside the image nothing is drawn, nor on the way back into it. */
export function drawnTo(stroke: Stroke, frame: Frame, place: Triple, spacingMm: number): boolean {
  stroke.hover = place;
  const way = stroke.ways[stroke.ways.length - 1];
  if (!isInside(frame, place)) {
    if (way?.length) stroke.ways.push([]);
    return true;
  }
  const last = way?.[way.length - 1];
  const more = last ? between(frame, last, place, spacingMm) : [place];
  const length = stroke.ways.reduce((sum, each) => sum + each.length, 0);
  if (length + more.length > MOST_POSITIONS) return false;
  way?.push(...more);
  return true;
}

export function positionsOf(stroke: Stroke): Triple[] {
  return stroke.ways.flat();
}

/** Places from one to another, without the first. */
function between(frame: Frame, from: Triple, to: Triple, spacingMm: number): Triple[] {
  const { spacing } = frame;
  const length = Math.hypot(...([0, 1, 2] as const).map((k) => (to[k] - from[k]) * spacing[k]));
  if (length < spacingMm / 2) return [];
  const count = Math.max(1, Math.ceil(length / spacingMm));
  return Array.from({ length: count }, (_, i): Triple => {
    const t = (i + 1) / count;
    return [
      from[0] + (to[0] - from[0]) * t,
      from[1] + (to[1] - from[1]) * t,
      from[2] + (to[2] - from[2]) * t,
    ];
  });
}
