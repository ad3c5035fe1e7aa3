/** Which part of a plane a pane shows: places of voxels to points of the pane, and back. */

import type { Frame, Triple } from "./geometry.js";
import type { Cut, Reach } from "./volume.js";

export interface Size {
  readonly clientWidth: number;
  readonly clientHeight: number;
}

/** Room left for letters, position and scale bar. */
const [MARGIN_X, MARGIN_Y] = [24, 44];

export class Viewport {
  private zoom = 1;
  private centre: { u: number; v: number } | undefined; // mm from the frame's first corner

  constructor(
    readonly cut: Cut,
    private readonly frame: Frame,
    private readonly pane: Size,
    /** At first no more than these mm are shown. */
    private readonly mostMm = Infinity,
  ) {}

  get width(): number {
    return this.pane.clientWidth;
  }

  get height(): number {
    return this.pane.clientHeight;
  }

  /** CSS pixels per mm. */
  get scale(): number {
    return this.layout().scale;
  }

  /** Where a point of the pane lies: a place between voxels, on the slice of the cursor. */
  placeAt(x: number, y: number, cursor: Triple): [number, number, number] {
    const { scale, left, top } = this.layout();
    const { across, down } = this.cut;
    const place: [number, number, number] = [...cursor];
    place[across] = (x - left) / (scale * this.frame.spacing[across]) - 0.5;
    place[down] = (y - top) / (scale * this.frame.spacing[down]) - 0.5;
    return place;
  }

  /** The pane's point of a place. */
  pointOf(place: Triple): [number, number] {
    const { scale, left, top } = this.layout();
    const { across, down } = this.cut;
    return [
      left + (place[across] + 0.5) * scale * this.frame.spacing[across],
      top + (place[down] + 0.5) * scale * this.frame.spacing[down],
    ];
  }

  /** The pane's point of a corner of a plane's pixel. */
  corner(across: Reach, down: Reach, column: number, row: number): [number, number] {
    const { scale, left, top } = this.layout();
    // a voxel's corner is half a step before its centre, and the frame's half a voxel before the first
    const u = across.first + (column - 0.5) * across.step + 0.5;
    const v = down.first + (row - 0.5) * down.step + 0.5;
    return [
      left + u * scale * this.frame.spacing[this.cut.across],
      top + v * scale * this.frame.spacing[this.cut.down],
    ];
  }

  /** What lies under a point stays under it. */
  zoomBy(factor: number, x = this.width / 2, y = this.height / 2): void {
    const [across, down] = this.placeMm(this.placeAt(x, y, [0, 0, 0]));
    this.zoom = Math.min(20, Math.max(0.3, this.zoom * factor));
    const { scale } = this.layout();
    this.centre = { u: across + (this.width / 2 - x) / scale, v: down + (this.height / 2 - y) / scale };
  }

  panBy(dx: number, dy: number): void {
    const { scale } = this.layout();
    const { u, v } = this.middle();
    this.centre = { u: u - dx / scale, v: v - dy / scale };
  }

  whole(): void {
    this.zoom = 1;
    this.centre = undefined;
  }

  /** Bring a place into sight, where zoom hides it; whether anything moved. */
  reveal(place: Triple): boolean {
    const [x, y] = this.pointOf(place);
    if (x >= 0 && y >= 0 && x <= this.width && y <= this.height) return false;
    const [u, v] = this.placeMm(place);
    this.centre = { u, v };
    return true;
  }

  private placeMm(place: Triple): [number, number] {
    const { across, down } = this.cut;
    return [(place[across] + 0.5) * this.frame.spacing[across], (place[down] + 0.5) * this.frame.spacing[down]];
  }

  private middle(): { u: number; v: number } {
    return this.centre ?? { u: this.extent(this.cut.across) / 2, v: this.extent(this.cut.down) / 2 };
  }

  private extent(axis: 0 | 1 | 2): number {
    return this.frame.size[axis] * this.frame.spacing[axis];
  }

  /** CSS pixels per mm, and where the first voxel's corner lies. */
  private layout(): { scale: number; left: number; top: number } {
    const fit = Math.min(
      (this.width - MARGIN_X) / Math.min(this.mostMm, this.extent(this.cut.across)),
      (this.height - MARGIN_Y) / Math.min(this.mostMm, this.extent(this.cut.down)),
    );
    const scale = Math.max(fit, 1e-3) * this.zoom;
    const { u, v } = this.middle();
    return { scale, left: this.width / 2 - u * scale, top: this.height / 2 - v * scale };
  }
}
