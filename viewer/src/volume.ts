/** A stored array seen in the order of the page, and planes cut from it. */

import type { ArrayHeader, Direction, Frame, Triple } from "./geometry.js";

export type Values = Int16Array | Uint16Array | Uint8Array;

/** One axis of a plane: where its first pixel lies in voxels of the frame, and their distance. */
export interface Reach {
  readonly first: number;
  readonly step: number;
}

/** A plane of values, row by row. */
export interface Plane<T extends Values = Values> {
  readonly values: T;
  readonly width: number;
  readonly height: number;
  readonly across: Reach;
  readonly down: Reach;
}

/** Columns, rows and what is cut across, for each view. */
export interface Cut {
  readonly across: Direction;
  readonly down: Direction;
  readonly through: Direction;
}

export const AXIAL: Cut = { across: 0, down: 1, through: 2 };
export const CORONAL: Cut = { across: 0, down: 2, through: 1 };
export const SAGITTAL: Cut = { across: 1, down: 2, through: 0 };

export class Volume<T extends Values = Values> {
  readonly values: T;
  readonly header: ArrayHeader;
  readonly frame: Frame;
  /** Voxels along the axes of the page, their strides, the offset of the first one, its place. */
  readonly size: Triple;
  private readonly strides: Triple;
  private readonly offset: number;
  private readonly first: Triple;

  constructor(values: T, header: ArrayHeader, frame: Frame) {
    const count = header.shape[0] * header.shape[1] * header.shape[2];
    if (values.length !== count) throw new Error("an array that isn't as long as it says");
    this.values = values;
    this.header = header;
    this.frame = frame;
    const stored: Triple = [header.shape[1] * header.shape[2], header.shape[2], 1];
    const size: [number, number, number] = [0, 0, 0];
    const strides: [number, number, number] = [0, 0, 0];
    const first: [number, number, number] = [0, 0, 0];
    let offset = 0;
    for (const k of [0, 1, 2] as const) {
      const { stored: axis, flipped } = frame.lanes[k];
      const length = header.shape[axis];
      const begin = header.start[axis] - frame.start[axis];
      size[k] = length;
      strides[k] = flipped ? -stored[axis] : stored[axis];
      if (flipped) offset += stored[axis] * (length - 1);
      first[k] = flipped
        ? frame.size[k] - 1 - (begin + (length - 1) * header.step)
        : begin;
    }
    this.size = size;
    this.strides = strides;
    this.offset = offset;
    this.first = first;
  }

  /** The stored value of a voxel of the frame; the nearest one where only some are held. */
  at(voxel: Triple): number | undefined {
    let index = this.offset;
    for (const k of [0, 1, 2] as const) {
      const held = Math.round((voxel[k] - this.first[k]) / this.header.step);
      if (held < 0 || held >= this.size[k]) return undefined;
      index += held * this.strides[k];
    }
    return this.values[index];
  }

  /** The plane at a voxel of the frame; undefined where this array doesn't reach. */
  plane(cut: Cut, index: number): Plane<T> | undefined {
    const step = this.header.step;
    const held = Math.round((index - this.first[cut.through]) / step);
    if (held < 0 || held >= this.size[cut.through]) {
      const last = this.first[cut.through] + (this.size[cut.through] - 1) * step;
      // a coarse array's last voxel also stands for those that it skipped after it
      if (step === 1 || index < this.first[cut.through] - step || index > last + step) {
        return undefined;
      }
    }
    const along = Math.min(this.size[cut.through] - 1, Math.max(0, held));
    const [width, height] = [this.size[cut.across], this.size[cut.down]];
    const [dx, dy] = [this.strides[cut.across], this.strides[cut.down]];
    const begin = this.offset + along * this.strides[cut.through];
    const source = this.values;
    const values = new (source.constructor as new (length: number) => T)(width * height);
    let to = 0;
    for (let row = 0; row < height; row++) {
      let from = begin + row * dy;
      for (let column = 0; column < width; column++, from += dx) {
        values[to++] = source[from] as number;
      }
    }
    return {
      values,
      width,
      height,
      across: { first: this.first[cut.across], step },
      down: { first: this.first[cut.down], step },
    };
  }

  /** Take a changed box over: `patch` holds it whole, in stored order and without steps. */
  take(patch: Values, header: ArrayHeader): void {
    const mine = this.header;
    const [nz, ny, nx] = header.shape;
    const low = [0, 1, 2].map((k) => (header.start[k] ?? 0) - (mine.start[k] ?? 0));
    const [z0, y0, x0] = [low[0] ?? 0, low[1] ?? 0, low[2] ?? 0];
    const from = Math.max(0, -x0);
    const to = Math.min(nx, mine.shape[2] - x0);
    if (to <= from) return;
    for (let z = Math.max(0, -z0); z < Math.min(nz, mine.shape[0] - z0); z++) {
      for (let y = Math.max(0, -y0); y < Math.min(ny, mine.shape[1] - y0); y++) {
        const source = (z * ny + y) * nx;
        const target = ((z0 + z) * mine.shape[1] + (y0 + y)) * mine.shape[2] + x0;
        this.values.set(patch.subarray(source + from, source + to) as never, target + from);
      }
    }
  }
}

/** Bytes as they came, as an array of their type. */
export function valuesOf(bytes: ArrayBuffer, dtype: ArrayHeader["dtype"]): Values {
  if (dtype === "<i2") return new Int16Array(bytes);
  if (dtype === "<u2") return new Uint16Array(bytes);
  return new Uint8Array(bytes);
}
