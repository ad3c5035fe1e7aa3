/** Pixels of a slice: CT in grey, PET over it or alone, heat maps; never a made-up value. */

import type { Plane } from "./volume.js";

/** RGBA for ImageData. */
export type Pixels = Uint8ClampedArray<ArrayBuffer>;

export interface PetLook {
  readonly plane: Plane<Uint16Array>;
  readonly steps: Uint8Array; // of every stored value
  readonly colours: Uint8Array;
  readonly opacity: number; // 0: CT alone, 1: PET alone
  readonly notCovered: number;
}

/** Steps of a colour table up to which uptake fades into the CT, so that the CT stays bright where there is none. */
const FADES = 77;

/**
 * CT with PET blended in; from half on the PET takes over, low uptake too. Where the PET doesn't reach, the CT
 * is dimmed and takes no colour: whoever draws it hatches it, as that isn't "no uptake".
 */
export function painted(ct: Plane<Int16Array>, greys: Uint8Array, pet?: PetLook): Pixels {
  const pixels = new Uint8ClampedArray(ct.values.length * 4);
  const opacity = pet ? pet.opacity : 0;
  const sure = Math.max(0, 2 * opacity - 1);
  for (let i = 0, to = 0; i < ct.values.length; i++, to += 4) {
    const grey = greys[(ct.values[i] as number) + 32768] as number;
    let red = grey;
    let green = grey;
    let blue = grey;
    if (pet && opacity > 0) {
      const stored = pet.plane.values[i] as number;
      if (stored === pet.notCovered) {
        red = green = grey * (1 - opacity);
        blue = red + 30 * opacity;
      } else {
        const step = pet.steps[stored] as number;
        const weight = opacity * Math.max(sure, Math.min(1, step / FADES));
        red = grey + ((pet.colours[3 * step] as number) - grey) * weight;
        green = grey + ((pet.colours[3 * step + 1] as number) - grey) * weight;
        blue = grey + ((pet.colours[3 * step + 2] as number) - grey) * weight;
      }
    }
    pixels[to] = red;
    pixels[to + 1] = green;
    pixels[to + 2] = blue;
    pixels[to + 3] = 255;
  }
  return pixels;
}

/** A heat map to lay over: the higher, the less transparent; what wasn't sampled is dimmed, for whoever draws it to hatch. */
export function heated(
  plane: Plane<Uint8Array>,
  colours: Uint8Array,
  highest: number,
  notSampled?: number,
): Pixels {
  const pixels = new Uint8ClampedArray(plane.values.length * 4);
  for (let i = 0, to = 0; i < plane.values.length; i++, to += 4) {
    const stored = plane.values[i] as number;
    if (stored === notSampled) {
      pixels[to + 3] = 110;
      continue;
    }
    const step = Math.min(255, Math.round((stored / highest) * 255));
    pixels[to] = colours[step * 3] as number;
    pixels[to + 1] = colours[step * 3 + 1] as number;
    pixels[to + 2] = colours[step * 3 + 2] as number;
    pixels[to + 3] = step < 5 ? 0 : Math.min(210, 70 + step);
  }
  return pixels;
}

/** Closed ways along edges of pixels: x, y, x, y … in corners of pixels, corners of the way alone. */
export type Outline = readonly Int32Array[];

/**
 * The edges of the pixels that hold a value. Drawn, they enclose exactly the voxels of the mask: nothing is
 * smoothed. Every way runs with its inside on the right, so that holes run the other way round.
 */
export function outlined(plane: Plane<Uint8Array | Uint16Array>, value: number): Outline {
  const { values, width, height } = plane;
  const box = boundsOf(plane, value);
  if (!box) return [];
  const [left, top, right, bottom] = box;
  const is = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && values[y * width + x] === value;
  const corners = width + 1;
  const ways = new Map<number, number[]>(); // from a corner: where edges lead
  const edge = (x0: number, y0: number, x1: number, y1: number): void => {
    const from = y0 * corners + x0;
    const to = y1 * corners + x1;
    const known = ways.get(from);
    if (known) known.push(to);
    else ways.set(from, [to]);
  };
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (!is(x, y)) continue;
      if (!is(x, y - 1)) edge(x, y, x + 1, y);
      if (!is(x + 1, y)) edge(x + 1, y, x + 1, y + 1);
      if (!is(x, y + 1)) edge(x + 1, y + 1, x, y + 1);
      if (!is(x - 1, y)) edge(x, y + 1, x, y);
    }
  }
  const found: Int32Array[] = [];
  for (const start of ways.keys()) {
    while (ways.get(start)?.length) found.push(way(ways, start, corners));
  }
  return found;
}

/** One closed way from a corner; its edges are used up. */
function way(ways: Map<number, number[]>, start: number, corners: number): Int32Array {
  const points: number[] = [];
  let here = start;
  let heading = 0;
  do {
    const next = ways.get(here)?.pop();
    if (next === undefined) break;
    if (next - here !== heading) points.push(here % corners, Math.floor(here / corners));
    heading = next - here;
    here = next;
  } while (here !== start);
  return Int32Array.from(points);
}

function boundsOf(
  plane: Plane<Uint8Array | Uint16Array>,
  value: number,
): [number, number, number, number] | undefined {
  let [left, top, right, bottom] = [plane.width, plane.height, -1, -1];
  for (let y = 0, i = 0; y < plane.height; y++) {
    for (let x = 0; x < plane.width; x++, i++) {
      if (plane.values[i] !== value) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? undefined : [left, top, right + 1, bottom + 1];
}

/** A flat fill of the pixels that hold a value. */
export function filled(plane: Plane<Uint8Array>, colours: readonly (readonly number[])[]): Pixels {
  const pixels = new Uint8ClampedArray(plane.values.length * 4);
  for (let i = 0, to = 0; i < plane.values.length; i++, to += 4) {
    const colour = colours[plane.values[i] as number];
    if (!colour) continue;
    pixels[to] = colour[0] ?? 0;
    pixels[to + 1] = colour[1] ?? 0;
    pixels[to + 2] = colour[2] ?? 0;
    pixels[to + 3] = colour[3] ?? 0;
  }
  return pixels;
}
