/** A volume whose values say where they lie, stored in any of the 48 orders. */

import { frameOf, type ArrayHeader } from "../src/geometry.js";
import { Volume } from "../src/volume.js";

export type Order = readonly [readonly [number, number, number], readonly [boolean, boolean, boolean]];

export function orders(): Order[] {
  const axes = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const;
  const found: Order[] = [];
  for (const order of axes) {
    for (let bits = 0; bits < 8; bits++) {
      found.push([order, [(bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0]]);
    }
  }
  return found;
}

// left, posterior, inferior; all different, so that no two axes can be taken for each other
export const SIZE = [4, 5, 6] as const;
export const SPACING = [1, 2, 3] as const;
export const FIRST_MM = [-10, -20, 30] as const; // LPS of the voxel most right, anterior, superior

export function valueAt(l: number, p: number, i: number): number {
  return 100 * l + 10 * p + i;
}

/** Stored axis k (z, y, x) runs along patient axis `order[k]`, backwards where `flips[k]`. */
export function made([order, flips]: Order, step = 1): { header: ArrayHeader; values: Int16Array } {
  const full = order.map((axis) => SIZE[axis] as number);
  const shape = full.map((n) => Math.ceil(n / step));
  const values = new Int16Array(shape.reduce((a, b) => a * b, 1));
  const signs = [1, 1, -1]; // inferior is against LPS
  let at = 0;
  for (let z = 0; z < (shape[0] ?? 0); z++) {
    for (let y = 0; y < (shape[1] ?? 0); y++) {
      for (let x = 0; x < (shape[2] ?? 0); x++) {
        const place = [0, 0, 0];
        [z, y, x].forEach((index, k) => {
          const axis = order[k] ?? 0;
          place[axis] = flips[k] ? (full[k] ?? 0) - 1 - index * step : index * step;
        });
        values[at++] = valueAt(place[0] ?? 0, place[1] ?? 0, place[2] ?? 0);
      }
    }
  }
  const rows = [0, 1, 2].map((axis) => {
    const k = order.indexOf(axis as 0 | 1 | 2);
    const length = (signs[axis] ?? 1) * (SPACING[axis] ?? 1);
    const row = [0, 0, 0, FIRST_MM[axis] ?? 0];
    row[2 - k] = (flips[k] ? -1 : 1) * length * step;
    if (flips[k]) row[3] = (row[3] ?? 0) + length * ((full[k] ?? 1) - 1);
    return row;
  });
  const spacing = order.map((axis) => (SPACING[axis] ?? 1) * step) as [number, number, number];
  const header: ArrayHeader = {
    shape: shape as [number, number, number],
    start: [0, 0, 0],
    step,
    dtype: "<i2",
    spacing,
    affine_lps: [...rows, [0, 0, 0, 1]],
    slope: 1,
    intercept: 0,
    unit: "HU",
  };
  return { header, values };
}

export function madeVolume(order: Order): Volume<Int16Array> {
  const { header, values } = made(order);
  return new Volume(values, header, frameOf(header));
}
