/** What lies over the images and changes with every movement: cross, clicks, strokes, letters, scale. */

import { lettersOf, worldOf, type Triple } from "./geometry.js";
import { outlined } from "./paint.js";
import { contour, HALO, INK, traced, write } from "./pen.js";
import type { Scene, Stroke } from "./scene.js";
import type { Viewport } from "./viewport.js";

type Context = CanvasRenderingContext2D;

const REACH = { colour: "#ffe14d", width: 2, dashes: [2, 4] } as const;

/** Marks of a slice. */
export function drawMarks(context: Context, port: Viewport, scene: Scene): void {
  const region = scene.region?.plane(port.cut, scene.cursor[port.cut.through]);
  if (region) contour(context, port, outlined(region, 1), region, REACH);
  for (const box of [scene.box, ...scene.sentBoxes]) if (box) drawBox(context, port, scene, box);
  drawClicks(context, port, scene);
  drawCross(context, port, scene.cursor);
  for (const stroke of [...scene.sent, scene.stroke]) if (stroke) drawStroke(context, port, scene, stroke);
  const { through } = port.cut;
  const position = (worldOf(scene.frame, scene.cursor)[through] ?? 0).toFixed(1);
  const index = `${scene.cursor[through] + 1}/${scene.frame.size[through]}`;
  const roomy = port.width >= 260; // else it would run into the scale
  drawLetters(context, port, scene, 26, roomy ? `${index}  ${["x", "y", "z"][through] ?? ""} ${position} mm` : index);
  drawScaleBar(context, port);
}

/** Marks of the projection, in which no mark has a depth. */
export function drawMipMarks(context: Context, port: Viewport, scene: Scene): void {
  if (!scene.pictures.facts.pet) {
    context.font = "13px system-ui, sans-serif";
    write(context, "This study has no PET.", port.width / 2, port.height / 2, "center");
    return;
  }
  drawCross(context, port, scene.cursor);
  drawLetters(context, port, scene, 10, `SUV to ${scene.display.look.petTo}`);
  drawScaleBar(context, port);
}

function inSlice(port: Viewport, scene: Scene, place: Triple): boolean {
  return Math.abs(place[port.cut.through] - scene.cursor[port.cut.through]) <= 0.6;
}

function drawClicks(context: Context, port: Viewport, scene: Scene): void {
  for (const mark of scene.clicks) {
    if (!inSlice(port, scene, mark.place)) continue;
    const [x, y] = port.pointOf(mark.place);
    disc(context, x, y, mark.colour);
    context.beginPath();
    context.moveTo(x - 3.5, y);
    context.lineTo(x + 3.5, y);
    if (mark.positive) {
      context.moveTo(x, y - 3.5);
      context.lineTo(x, y + 3.5);
    }
    context.stroke();
    if (mark.waits) {
      context.beginPath();
      context.arc(x, y, 10, 0, 1.5 * Math.PI);
      context.stroke();
    }
  }
  const { picked } = scene;
  if (!picked || !inSlice(port, scene, picked)) return;
  const [x, y] = port.pointOf(picked);
  disc(context, x, y, REACH.colour);
  context.font = "600 9px system-ui, sans-serif";
  write(context, "1", x, y + 0.5, "center");
}

function disc(context: Context, x: number, y: number, colour: string): void {
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  context.fillStyle = "rgba(0, 0, 0, 0.7)";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = colour;
  context.stroke();
}

function drawCross(context: Context, port: Viewport, cursor: Triple): void {
  const [x, y] = port.pointOf(cursor);
  const gap = 9;
  context.strokeStyle = "rgba(120, 230, 170, 0.7)";
  context.lineWidth = 1;
  context.beginPath();
  for (const [ax, ay, bx, by] of [
    [0, y, x - gap, y], [x + gap, y, port.width, y], [x, 0, x, y - gap], [x, y + gap, x, port.height],
  ] as const) {
    context.moveTo(ax, ay);
    context.lineTo(bx, by);
  }
  context.stroke();
}

/** A box as this plane cuts it; whole voxels, as the server takes it. */
function drawBox(context: Context, port: Viewport, scene: Scene, [from, to]: readonly [Triple, Triple]): void {
  const { across, down, through } = port.cut;
  const here = scene.cursor[through];
  if (here < from[through] || here > to[through]) return;
  const low: [number, number, number] = [...from];
  const high: [number, number, number] = [...to];
  for (const k of [across, down]) {
    low[k] -= 0.5;
    high[k] += 0.5;
  }
  const [x0, y0] = port.pointOf(low);
  const [x1, y1] = port.pointOf(high);
  const path = new Path2D();
  path.rect(x0, y0, x1 - x0, y1 - y0);
  traced(context, path, REACH);
}

/** The brush under the pointer, and what it has passed over since the button went down. */
function drawStroke(context: Context, port: Viewport, scene: Scene, stroke: Stroke): void {
  const sent = scene.sent.has(stroke);
  if (stroke.cut !== port.cut && !sent) return;
  const radius = Math.max(1, stroke.radiusMm * port.scale);
  context.strokeStyle = stroke.colour;
  context.globalAlpha = 0.45;
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = 2 * radius;
  for (const way of stroke.ways) {
    const seen = way.filter((place) => inSlice(port, scene, place));
    if (seen.length === 0) continue;
    context.beginPath();
    seen.forEach((place, i) => {
      const [x, y] = port.pointOf(place);
      if (i === 0) context.moveTo(x, y);
      context.lineTo(x, y);
    });
    context.stroke();
  }
  context.globalAlpha = 1;
  if (!stroke.hover || sent) return;
  const [x, y] = port.pointOf(stroke.hover);
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

function drawLetters(context: Context, port: Viewport, scene: Scene, right: number, below: string): void {
  const [begins, ends] = lettersOf(scene.frame, port.cut.across);
  const [top, bottom] = lettersOf(scene.frame, port.cut.down);
  context.font = "600 14px system-ui, sans-serif";
  write(context, begins, 10, port.height / 2, "left");
  write(context, ends, port.width - right, port.height / 2, "right");
  write(context, top, port.width / 2, 14, "center");
  // above position and scale where they would touch it
  write(context, bottom, port.width / 2, port.height - (port.width < 400 ? 32 : 12), "center");
  context.font = "12px system-ui, sans-serif";
  write(context, below, 10, port.height - 12, "left");
}

function drawScaleBar(context: Context, port: Viewport): void {
  const { scale } = port;
  const length = [100, 50, 20, 10, 5, 2, 1].find((mm) => mm * scale <= port.width / 4) ?? 1;
  const end = port.width - 28;
  const y = port.height - 10;
  const begin = end - length * scale;
  for (const [colour, width] of [[HALO, 4], [INK, 2]] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(begin, y - 4);
    context.lineTo(begin, y);
    context.lineTo(end, y);
    context.lineTo(end, y - 4);
    context.stroke();
  }
  context.font = "11px system-ui, sans-serif";
  write(context, length >= 10 ? `${length / 10} cm` : `${length} mm`, (begin + end) / 2, y - 10, "center");
}
