/**
 * Where voxels lie, and how they are shown.
 *
 * A stored array may run along any of the patient's axes, in any direction. The page turns it into
 * one order of its own, once and by strides alone: column rises to the patient's left, row to
 * posterior, slice to inferior. So every view is radiological, with head and nose where they belong.
 */

export type Triple = readonly [number, number, number];
export type Matrix = readonly (readonly number[])[];

/** Patient axes of the page: left, posterior, inferior. */
export type Direction = 0 | 1 | 2;
export const LEFT: Direction = 0;
export const POSTERIOR: Direction = 1;
export const INFERIOR: Direction = 2;

/** What the header of an array says. */
export interface ArrayHeader {
  shape: [number, number, number];
  start: [number, number, number];
  step: number;
  dtype: "<i2" | "<u2" | "|u1";
  spacing: [number, number, number];
  affine_lps: number[][];
  slope: number;
  intercept: number;
  unit: string;
  not_covered?: number;
  not_sampled?: number;
  radius_mm?: number | null;
  voxels?: number;
  report?: Report;
}

export interface Report {
  changed_ml: number;
  moved_ml: number;
  forced: boolean;
  outside_ml: number;
  radius_mm: number | null;
  zoomed_out: number;
  members: number;
}

/** One axis of the page as it lies in storage. */
export interface Lane {
  /** 0 is z, 1 is y, 2 is x of the stored array. */
  readonly stored: Direction;
  readonly flipped: boolean;
}

/** The box of the CT that is shown, in the order of the page. */
export interface Frame {
  readonly lanes: readonly [Lane, Lane, Lane];
  /** Voxels to the left, to posterior, to inferior. */
  readonly size: Triple;
  /** mm between voxel centres along the same axes. */
  readonly spacing: Triple;
  /** First voxel (z, y, x) of the box in the stored CT. */
  readonly start: Triple;
  /** Shape (z, y, x) of the box in the stored CT. */
  readonly shape: Triple;
  /** Rows from (left, posterior, inferior, 1) of the page to LPS mm. */
  readonly toWorld: Matrix;
  readonly fromWorld: Matrix;
}

const at = (values: readonly number[], index: number): number => values[index] ?? 0;

function entry(matrix: Matrix, row: number, column: number): number {
  return matrix[row]?.[column] ?? 0;
}

/** The frame of an array with step 1, from its header. */
export function frameOf(header: ArrayHeader): Frame {
  const lanes = lanesOf(header.affine_lps);
  const along = (lane: Lane): number => at(header.shape, lane.stored);
  const size: Triple = [along(lanes[0]), along(lanes[1]), along(lanes[2])];
  const rows = [0, 1, 2].map((row) => {
    let origin = entry(header.affine_lps, row, 3);
    const steps = lanes.map((lane, k) => {
      const step = entry(header.affine_lps, row, 2 - lane.stored);
      if (lane.flipped) origin += step * (at(size, k) - 1);
      return lane.flipped ? -step : step;
    });
    return [...steps, origin];
  });
  return {
    lanes,
    size,
    spacing: [
      at(header.spacing, lanes[0].stored),
      at(header.spacing, lanes[1].stored),
      at(header.spacing, lanes[2].stored),
    ],
    start: header.start,
    shape: header.shape,
    toWorld: rows,
    fromWorld: inverse(rows),
  };
}

/** The frame that the array would have with step 1; its shape is the box's. */
export function fullHeader(header: ArrayHeader, start: Triple, shape: Triple): ArrayHeader {
  const affine = header.affine_lps.map((row) => {
    const steps = [0, 1, 2].map((k) => at(row, k) / header.step);
    const back = [0, 1, 2].reduce(
      (sum, k) => sum + at(steps, k) * (at(start, 2 - k) - at(header.start, 2 - k)),
      at(row, 3),
    );
    return [...steps, back];
  });
  return {
    ...header,
    step: 1,
    start: [...start],
    shape: [...shape],
    spacing: [
      header.spacing[0] / header.step,
      header.spacing[1] / header.step,
      header.spacing[2] / header.step,
    ],
    affine_lps: affine,
  };
}

/** Which stored axis runs along which of the patient's, each used once, best matches first. */
function lanesOf(affine: Matrix): [Lane, Lane, Lane] {
  const wanted: readonly [number, number][] = [[0, 1], [1, 1], [2, -1]]; // L, P, I in LPS
  const pairs: { k: Direction; stored: Direction; cosine: number }[] = [];
  for (const k of [0, 1, 2] as const) {
    const [row, sign] = wanted[k] ?? [0, 1];
    for (const stored of [0, 1, 2] as const) {
      const column = 2 - stored;
      const length = Math.hypot(...[0, 1, 2].map((r) => entry(affine, r, column)));
      pairs.push({ k, stored, cosine: (sign * entry(affine, row, column)) / (length || 1) });
    }
  }
  pairs.sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
  const found: (Lane | undefined)[] = [undefined, undefined, undefined];
  const used = new Set<number>();
  for (const { k, stored, cosine } of pairs) {
    if (found[k] !== undefined || used.has(stored)) continue;
    found[k] = { stored, flipped: cosine < 0 };
    used.add(stored);
  }
  const [a, b, c] = found;
  if (!a || !b || !c) throw new Error("an affine without three axes");
  return [a, b, c];
}

function inverse(rows: Matrix): Matrix {
  const m = (r: number, c: number): number => entry(rows, r, c);
  const minor = (r: number, c: number): number => {
    const [r1, r2] = [(r + 1) % 3, (r + 2) % 3];
    const [c1, c2] = [(c + 1) % 3, (c + 2) % 3];
    return m(r1, c1) * m(r2, c2) - m(r1, c2) * m(r2, c1);
  };
  const determinant = m(0, 0) * minor(0, 0) + m(0, 1) * minor(0, 1) + m(0, 2) * minor(0, 2);
  return [0, 1, 2].map((r) => {
    const row = [0, 1, 2].map((c) => minor(c, r) / determinant);
    const shift = -[0, 1, 2].reduce((sum, c) => sum + at(row, c) * m(c, 3), 0);
    return [...row, shift];
  });
}

function applied(matrix: Matrix, point: Triple): [number, number, number] {
  const row = (r: number): number =>
    entry(matrix, r, 0) * point[0] +
    entry(matrix, r, 1) * point[1] +
    entry(matrix, r, 2) * point[2] +
    entry(matrix, r, 3);
  return [row(0), row(1), row(2)];
}

/** LPS mm of a place (left, posterior, inferior), which may lie between voxels. */
export function worldOf(frame: Frame, place: Triple): [number, number, number] {
  return applied(frame.toWorld, place);
}

/** The place of an LPS position. */
export function placeOf(frame: Frame, position: Triple): [number, number, number] {
  return applied(frame.fromWorld, position);
}

/** The nearest voxel of the box. */
export function nearest(frame: Frame, place: Triple): [number, number, number] {
  const held = (k: Direction): number =>
    Math.min(frame.size[k] - 1, Math.max(0, Math.round(place[k])));
  return [held(0), held(1), held(2)];
}

export function isInside(frame: Frame, place: Triple): boolean {
  return ([0, 1, 2] as const).every((k) => place[k] > -0.5 && place[k] < frame.size[k] - 0.5);
}

/** Index of the stored slice (of the whole CT) that a plane of the page shows. */
export function storedSlice(frame: Frame, along: Direction, index: number): [Direction, number] {
  const lane = frame.lanes[along];
  const within = lane.flipped ? frame.size[along] - 1 - index : index;
  return [lane.stored, frame.start[lane.stored] + within];
}

const LETTERS: readonly (readonly [string, string])[] = [["R", "L"], ["A", "P"], ["I", "S"]]; // along LPS

/**
 * Letters at the ends of an axis of the page: where it begins and where it ends. An axis that runs aslant has
 * two or three at each end, the nearest first, as DICOM writes them.
 */
export function lettersOf(frame: Frame, axis: Direction): [string, string] {
  const parts = ([0, 1, 2] as const).map((k) => ({ k, step: entry(frame.toWorld, k, axis) }));
  const length = Math.hypot(...parts.map((p) => p.step)) || 1;
  const seen = parts
    .filter((p) => Math.abs(p.step) > ASLANT * length)
    .sort((a, b) => Math.abs(b.step) - Math.abs(a.step));
  const at = (end: boolean): string => seen.map(({ k, step }) => LETTERS[k]?.[end === step > 0 ? 1 : 0] ?? "").join("");
  return [at(false), at(true)];
}
/** The sine of ten degrees: less is how a head lies, not another direction. */
const ASLANT = Math.sin(Math.PI / 18);
