/** The PET's highest uptake along every ray from front to back, and how deep it lies. */

import type { Plane } from "./volume.js";
import { CORONAL, type Volume } from "./volume.js";

export interface Projection {
  readonly highest: Plane<Uint16Array>;
  /** Voxel of the frame, to posterior, where each highest value lies. */
  readonly depth: Uint16Array;
}

/**
 * Planes a few at a time, so that the page goes on answering; `breathe` waits between them. A ray along which
 * nothing is covered keeps the mark of that.
 */
export async function projected(
  pet: Volume<Uint16Array>,
  breathe: () => Promise<void>,
): Promise<Projection | undefined> {
  const uncovered = pet.header.not_covered ?? 65535;
  let highest: Plane<Uint16Array> | undefined;
  let depth = new Uint16Array(0);
  const step = pet.header.step;
  let began = performance.now();
  for (let y = 0; y < pet.frame.size[1]; y += step) {
    const plane = pet.plane(CORONAL, y);
    if (!plane) continue;
    if (!highest) {
      highest = { ...plane, values: new Uint16Array(plane.values.length).fill(uncovered) };
      depth = new Uint16Array(plane.values.length);
    }
    const [from, to] = [plane.values, highest.values];
    for (let i = 0; i < from.length; i++) {
      const value = from[i] as number;
      if (value === uncovered) continue;
      const known = to[i] as number;
      if (known === uncovered || value > known) {
        to[i] = value;
        depth[i] = y;
      }
    }
    if (performance.now() - began > 12) {
      await breathe();
      began = performance.now();
    }
  }
  return highest && { highest, depth };
}
