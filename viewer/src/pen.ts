/** Lines, hatching and words on a pane: each with a dark edge, so that they show on bone and on air. */

import type { Outline } from "./paint.js";
import type { Viewport } from "./viewport.js";
import type { Reach } from "./volume.js";

export const INK = "#e8edf2";
export const HALO = "rgba(0, 0, 0, 0.75)";

export interface Line {
  readonly colour: string;
  readonly width: number;
  readonly dashes: readonly number[];
}

/** Where an outline's pixels lie. */
export interface Lattice {
  readonly across: Reach;
  readonly down: Reach;
}

export function traced(context: CanvasRenderingContext2D, path: Path2D, line: Line): void {
  context.save();
  context.lineJoin = "round";
  context.strokeStyle = HALO;
  context.lineWidth = line.width + 1.5;
  context.stroke(path);
  context.strokeStyle = line.colour;
  context.lineWidth = line.width;
  context.setLineDash([...line.dashes]);
  context.stroke(path);
  context.restore();
}

export function contour(context: CanvasRenderingContext2D, port: Viewport, outline: Outline, on: Lattice, line: Line): void {
  if (outline.length > 0) traced(context, pathOf(port, outline, on), line);
}

/** Lines across where nothing is known: no colour map has them, so they can't be taken for a value. */
export function hatch(context: CanvasRenderingContext2D, port: Viewport, outline: Outline, on: Lattice, colour: string): void {
  if (outline.length === 0) return;
  context.save();
  context.clip(pathOf(port, outline, on), "evenodd");
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = -port.height; x < port.width; x += 7) {
    context.moveTo(x, port.height);
    context.lineTo(x + port.height, 0);
  }
  context.stroke();
  context.restore();
}

export function write(context: CanvasRenderingContext2D, text: string, x: number, y: number, align: CanvasTextAlign): void {
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.strokeStyle = HALO;
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = INK;
  context.fillText(text, x, y);
}

function pathOf(port: Viewport, outline: Outline, { across, down }: Lattice): Path2D {
  const [x0, y0] = port.corner(across, down, 0, 0);
  const [x1, y1] = port.corner(across, down, 1, 1);
  const path = new Path2D();
  for (const way of outline) {
    for (let i = 0; i + 1 < way.length; i += 2) {
      const x = x0 + (way[i] as number) * (x1 - x0);
      const y = y0 + (way[i + 1] as number) * (y1 - y0);
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }
  return path;
}
