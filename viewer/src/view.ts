/** One pane: a plane of the images with everything laid over it. */

import { CLASS_COLOURS, CLASS_DASHES, TUMOURS, VALUE_OF, type Tumour } from "./colours.js";
import { LETTERS, worldOf, type Frame, type Triple } from "./geometry.js";
import type { Scene } from "./scene.js";
import { h } from "./dom.js";
import { filled, heated, outlined, painted, type Outline, type PetLook, type Pixels } from "./paint.js";
import type { Cut, Plane, Reach, Volume } from "./volume.js";

export type Name = "Axial" | "Coronal" | "Sagittal" | "PET MIP";

interface Place {
  u: number;
  v: number;
}

const AXIAL_MM = 300;
const INK = "#e8edf2";
const HALO = "rgba(0, 0, 0, 0.75)";
const FILLS: Readonly<Record<Tumour, readonly [number, number, number]>> = {
  GTVp: [255, 122, 69],
  GTVn: [92, 200, 255],
};

/** Milliseconds of a frame for drawing: what is left comes in the next one, so that the page goes on answering. */
const FRAME_MS = 25;
const waiting: (() => void)[] = [];

let asked = false;

/** In the next frame, or the one after; first come, first drawn. */
function drawSoon(draw: () => void): void {
  waiting.push(draw);
  askForFrame();
}

function askForFrame(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(drawSome);
}

function drawSome(): void {
  asked = false;
  const began = performance.now();
  try {
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() - began < FRAME_MS);
  } finally {
    if (waiting.length > 0) askForFrame();
  }
}

/** What CT and PET of a slice were drawn from. */
interface Base {
  readonly index: number;
  readonly looks: number;
  readonly ct: Volume<Int16Array>;
  readonly pet: Volume<Uint16Array> | undefined;
  readonly plane: Plane;
  /** Where the PET doesn't reach. */
  readonly beyond: Outline;
}

export class View {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly slider: HTMLInputElement;
  private readonly marks: HTMLCanvasElement;
  private readonly buffers = new Map<string, HTMLCanvasElement>();
  private zoom = 1;
  private centre: Place | undefined;
  private dirty = 0; // 1: marks, 2: everything
  private base: Base | undefined;
  private drawn = -1; // the slice that the image shows

  constructor(
    readonly name: Name,
    readonly cut: Cut,
    private readonly scene: Scene,
    enlarge: () => void,
  ) {
    this.canvas = h("canvas", {
      class: "image",
      tabIndex: 0,
      role: "application",
      "aria-label": `${name} view`,
      "aria-roledescription": "image",
    });
    this.marks = h("canvas", { class: "marks", "aria-hidden": "true" });
    this.slider = h("input", {
      type: "range",
      class: "slice",
      min: "0",
      step: "1",
      "aria-label": `${name} slice`,
      oninput: () => this.scene.moveAlong(this.cut.through, Number(this.slider.value)),
    });
    const title = h("h2", {}, name);
    const large = h(
      "button",
      { type: "button", class: "enlarge", title: "Make this view the large one", onclick: enlarge, "aria-label": `Enlarge ${name} view` },
      "⤢",
    );
    const flat = name === "PET MIP";
    this.root = h("section", { class: "view", "aria-label": name }, this.canvas, this.marks, title, large, flat ? null : this.slider);
    this.root.dataset.view = name;
    new ResizeObserver(() => this.redraw()).observe(this.root);
  }

  /** Draw anew before the next frame is shown. */
  redraw(marksAlone = false): void {
    const wanted = marksAlone ? 1 : 2;
    if (this.dirty === 0) drawSoon(() => this.draw());
    this.dirty = Math.max(this.dirty, wanted);
  }

  /** After the cursor went elsewhere: another slice is another picture, else the cross alone moves. */
  follow(): void {
    const flat = this.name === "PET MIP";
    this.redraw(flat || this.drawn === this.scene.cursor[this.cut.through]);
  }

  /** Where a point of the pane lies: a place between voxels, on the shown slice. */
  placeAt(x: number, y: number): [number, number, number] {
    const frame = this.scene.frame;
    const { scale, left, top } = this.layout(frame);
    const place: [number, number, number] = [...this.scene.cursor];
    place[this.cut.across] = (x - left) / (scale * frame.spacing[this.cut.across]) - 0.5;
    place[this.cut.down] = (y - top) / (scale * frame.spacing[this.cut.down]) - 0.5;
    if (this.name === "PET MIP") place[1] = this.depthAt(place);
    return place;
  }

  /** The pane's point of a place. */
  pointOf(place: Triple): [number, number] {
    const frame = this.scene.frame;
    const { scale, left, top } = this.layout(frame);
    return [
      left + (place[this.cut.across] + 0.5) * scale * frame.spacing[this.cut.across],
      top + (place[this.cut.down] + 0.5) * scale * frame.spacing[this.cut.down],
    ];
  }

  pixelsPerMm(): number {
    return this.layout(this.scene.frame).scale;
  }

  zoomBy(factor: number, x = this.width / 2, y = this.height / 2): void {
    const before = this.placeAt(x, y);
    this.zoom = Math.min(20, Math.max(0.3, this.zoom * factor));
    const frame = this.scene.frame;
    const { scale } = this.layout(frame);
    const { across, down } = this.cut;
    this.centre = {
      u: (before[across] + 0.5) * frame.spacing[across] + (this.width / 2 - x) / scale,
      v: (before[down] + 0.5) * frame.spacing[down] + (this.height / 2 - y) / scale,
    };
    this.redraw();
  }

  panBy(dx: number, dy: number): void {
    const { scale } = this.layout(this.scene.frame);
    const centre = this.middle(this.scene.frame);
    this.centre = { u: centre.u - dx / scale, v: centre.v - dy / scale };
    this.redraw();
  }

  whole(): void {
    this.zoom = 1;
    this.centre = undefined;
    this.redraw();
  }

  /** Bring a place into sight, where zoom hides it. */
  reveal(place: Triple): void {
    const [x, y] = this.pointOf(place);
    if (x >= 0 && y >= 0 && x <= this.width && y <= this.height) return;
    const { across, down } = this.cut;
    const { spacing } = this.scene.frame;
    this.centre = { u: (place[across] + 0.5) * spacing[across], v: (place[down] + 0.5) * spacing[down] };
    this.redraw();
  }

  private get width(): number {
    return this.root.clientWidth;
  }

  private get height(): number {
    return this.root.clientHeight;
  }

  private middle(frame: Frame): Place {
    const { across, down } = this.cut;
    return (
      this.centre ?? {
        u: (frame.size[across] * frame.spacing[across]) / 2,
        v: (frame.size[down] * frame.spacing[down]) / 2,
      }
    );
  }

  /** CSS pixels per mm, and where the first voxel's corner lies. */
  private layout(frame: Frame): { scale: number; left: number; top: number } {
    const { across, down } = this.cut;
    // shoulders would make heads small: an axial slice shows what matters, and zoom the rest
    const most = this.name === "Axial" ? AXIAL_MM : Infinity;
    const fit = Math.min(
      (this.width - 24) / Math.min(most, frame.size[across] * frame.spacing[across]),
      (this.height - 44) / Math.min(most, frame.size[down] * frame.spacing[down]),
    );
    const scale = Math.max(fit, 1e-3) * this.zoom;
    const { u, v } = this.middle(frame);
    return { scale, left: this.width / 2 - u * scale, top: this.height / 2 - v * scale };
  }

  private depthAt(place: Triple): number {
    const mip = this.scene.pictures.mip;
    if (!mip) return this.scene.cursor[1];
    const { highest, depth } = mip;
    const column = Math.round((place[0] - highest.across.first) / highest.across.step);
    const row = Math.round((place[2] - highest.down.first) / highest.down.step);
    if (column < 0 || row < 0 || column >= highest.width || row >= highest.height) {
      return this.scene.cursor[1];
    }
    return depth[row * highest.width + column] ?? this.scene.cursor[1];
  }

  private draw(): void {
    const wanted = this.dirty;
    this.dirty = 0;
    if (this.width === 0) return;
    if (wanted === 2) this.drawImage();
    this.drawMarks();
  }

  private prepared(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, this.width, this.height);
    return context;
  }

  private drawImage(): void {
    const context = this.prepared(this.canvas);
    if (!context) return;
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.width, this.height);
    const { pictures, cursor } = this.scene;
    const { look } = this.scene.display;
    if (this.name === "PET MIP") {
      this.drawMip(context);
      return;
    }
    const index = cursor[this.cut.through];
    this.drawn = index;
    this.slider.max = String(this.scene.frame.size[this.cut.through] - 1);
    this.slider.value = String(index);
    this.drawBase(context, index);
    if (look.heat !== "None") {
      const heat = pictures.heat(look.heat, this.cut, index);
      if (heat) {
        const { highest, notSampled } = pictures.heatScale(look.heat);
        this.lay(context, "heat", heated(heat, this.scene.heatColours, highest, notSampled), heat, false);
        if (notSampled !== undefined) this.hatch(context, outlined(heat, notSampled), heat, "rgba(235, 235, 235, 0.8)");
      }
    }
    const labels = pictures.labels?.plane(this.cut, index);
    if (labels) this.drawLabels(context, labels, index);
    const preview = this.scene.preview?.plane(this.cut, index);
    if (preview) this.drawPreview(context, preview);
  }

  /** CT and PET; an edit changes neither, so the last one is kept. */
  private drawBase(context: CanvasRenderingContext2D, index: number): void {
    const { ct, pet } = this.scene.pictures;
    if (!ct) return;
    const now = { index, looks: this.scene.looks, ct, pet };
    const known = this.base;
    if (!known || known.index !== index || known.looks !== now.looks || known.ct !== ct || known.pet !== pet) {
      const plane = ct.plane(this.cut, index);
      if (!plane) return;
      const { fusion, heat } = this.scene.display.look;
      // never two colour maps over each other: nobody could read either
      const over = fusion > 0 && heat === "None" ? this.petLook(index, plane, fusion) : undefined;
      const beyond = over ? outlined(over.plane, over.notCovered) : [];
      this.base = { ...now, plane, beyond };
      this.put("image", painted(plane, this.scene.greys, over), plane);
    }
    if (!this.base) return;
    const { plane, beyond } = this.base;
    this.show(context, "image", plane, true);
    this.hatch(context, beyond, plane, "rgba(150, 165, 200, 0.75)");
  }

  private drawLabels(context: CanvasRenderingContext2D, labels: Plane<Uint8Array>, index: number): void {
    const { look } = this.scene.display;
    if (look.fill > 0) {
      const alpha = Math.round(look.fill * 255);
      const colours = [[], [...FILLS.GTVp, alpha], [...FILLS.GTVn, alpha]];
      const given = colours.map((c) => (c.length ? c : undefined)) as number[][];
      this.lay(context, "fill", filled(labels, given), labels, false);
    }
    if (!look.outlines) return;
    const { pictures } = this.scene;
    const locked = pictures.locks ? pictures.locked?.plane(this.cut, index) : undefined;
    if (locked) {
      const outline = outlined(locked, 1);
      this.stroke(context, outline, locked.across, locked.down, { colour: "#ffffff", width: 4, dashes: [1, 4] });
    }
    for (const tumour of TUMOURS) {
      const outline = outlined(labels, VALUE_OF[tumour]);
      this.stroke(context, outline, labels.across, labels.down, {
        colour: CLASS_COLOURS[tumour],
        width: 2,
        dashes: CLASS_DASHES[tumour],
      });
    }
  }

  private drawPreview(context: CanvasRenderingContext2D, preview: Plane<Uint8Array>): void {
    for (const tumour of TUMOURS) {
      const outline = outlined(preview, VALUE_OF[tumour]);
      this.stroke(context, outline, preview.across, preview.down, { colour: "#fff3a3", width: 1.5, dashes: [2, 2] });
    }
  }

  private petLook(index: number, ct: Plane, opacity: number): PetLook | undefined {
    const pet = this.scene.pictures.pet;
    const plane = pet?.plane(this.cut, index);
    if (!pet || !plane) return undefined;
    return {
      plane: stretched(plane, ct),
      steps: this.scene.petSteps,
      colours: this.scene.petColours,
      opacity,
      notCovered: pet.header.not_covered ?? 65535,
    };
  }

  private drawMip(context: CanvasRenderingContext2D): void {
    const { pictures } = this.scene;
    if (!pictures.facts.pet) return;
    const mip = pictures.mip?.highest;
    if (!mip) return;
    const black: Plane<Int16Array> = { ...mip, values: new Int16Array(mip.values.length).fill(-32768) };
    const pixels = painted(black, this.scene.greys, {
      plane: mip,
      steps: this.scene.petSteps,
      colours: this.scene.petColours,
      opacity: 1,
      notCovered: pictures.pet?.header.not_covered ?? 65535,
    });
    this.lay(context, "image", pixels, mip, true);
    const beyond = outlined(mip, pictures.pet?.header.not_covered ?? 65535);
    this.hatch(context, beyond, mip, "rgba(150, 165, 200, 0.75)");
  }

  private lay(context: CanvasRenderingContext2D, buffer: string, pixels: Pixels, plane: Plane, smooth: boolean): void {
    this.put(buffer, pixels, plane);
    this.show(context, buffer, plane, smooth);
  }

  private put(buffer: string, pixels: Pixels, plane: Plane): void {
    let canvas = this.buffers.get(buffer);
    if (!canvas) {
      canvas = document.createElement("canvas");
      this.buffers.set(buffer, canvas);
    }
    if (canvas.width !== plane.width || canvas.height !== plane.height) {
      canvas.width = plane.width;
      canvas.height = plane.height;
    }
    canvas.getContext("2d")?.putImageData(new ImageData(pixels, plane.width, plane.height), 0, 0);
  }

  /** Pixels of a plane where they belong; between voxel centres smooth or not. */
  private show(context: CanvasRenderingContext2D, buffer: string, plane: Plane, smooth: boolean): void {
    const canvas = this.buffers.get(buffer);
    if (!canvas) return;
    const [x, y] = this.corner(plane.across, plane.down, 0, 0);
    const [right, bottom] = this.corner(plane.across, plane.down, plane.width, plane.height);
    context.imageSmoothingEnabled = smooth;
    context.drawImage(canvas, x, y, right - x, bottom - y);
  }

  /** The pane's point of a corner of a plane's pixel. */
  private corner(across: Reach, down: Reach, column: number, row: number): [number, number] {
    const frame = this.scene.frame;
    const { scale, left, top } = this.layout(frame);
    // a voxel's corner is half a step before its centre, and the frame's half a voxel before the first
    const u = across.first + (column - 0.5) * across.step + 0.5;
    const v = down.first + (row - 0.5) * down.step + 0.5;
    return [left + u * scale * frame.spacing[this.cut.across], top + v * scale * frame.spacing[this.cut.down]];
  }

  private stroke(
    context: CanvasRenderingContext2D,
    outline: Outline,
    across: Reach,
    down: Reach,
    style: { colour: string; width: number; dashes: readonly number[] },
  ): void {
    if (outline.length === 0) return;
    const path = this.pathOf(outline, across, down);
    context.save();
    context.lineJoin = "round";
    context.strokeStyle = HALO;
    context.lineWidth = style.width + 1.5;
    context.stroke(path);
    context.strokeStyle = style.colour;
    context.lineWidth = style.width;
    context.setLineDash([...style.dashes]);
    context.stroke(path);
    context.restore();
  }

  /** Lines across where nothing is known: no colour map has them, so they can't be taken for a value. */
  private hatch(context: CanvasRenderingContext2D, outline: Outline, plane: Plane, colour: string): void {
    if (outline.length === 0) return;
    context.save();
    context.clip(this.pathOf(outline, plane.across, plane.down), "evenodd");
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    for (let x = -this.height; x < this.width; x += 7) {
      context.moveTo(x, this.height);
      context.lineTo(x + this.height, 0);
    }
    context.stroke();
    context.restore();
  }

  private pathOf(outline: Outline, across: Reach, down: Reach): Path2D {
    const [x0, y0] = this.corner(across, down, 0, 0);
    const [x1, y1] = this.corner(across, down, 1, 1);
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

  private drawMarks(): void {
    const context = this.prepared(this.marks);
    if (!context) return;
    if (this.name === "PET MIP" && !this.scene.pictures.facts.pet) {
      this.write(context, "This study has no PET.", this.width / 2, this.height / 2, "center");
      return;
    }
    const region = this.name === "PET MIP" ? undefined : this.scene.region?.plane(this.cut, this.scene.cursor[this.cut.through]);
    if (region) {
      this.stroke(context, outlined(region, 1), region.across, region.down, { colour: "#ffe14d", width: 2, dashes: [2, 4] });
    }
    this.drawClicks(context);
    this.drawCross(context);
    this.drawStroke(context);
    this.drawLetters(context);
    this.drawScaleBar(context);
  }

  private drawClicks(context: CanvasRenderingContext2D): void {
    for (const mark of this.scene.clicks) {
      const away = Math.abs(mark.place[this.cut.through] - this.scene.cursor[this.cut.through]);
      if (this.name === "PET MIP" || away > 0.6) continue;
      const [x, y] = this.pointOf(mark.place);
      context.beginPath();
      context.arc(x, y, 6, 0, 2 * Math.PI);
      context.fillStyle = "rgba(0, 0, 0, 0.7)";
      context.fill();
      context.lineWidth = 1.5;
      context.strokeStyle = mark.colour;
      context.stroke();
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
  }

  private drawCross(context: CanvasRenderingContext2D): void {
    const [x, y] = this.pointOf(this.scene.cursor);
    const gap = 9;
    context.strokeStyle = "rgba(120, 230, 170, 0.8)";
    context.lineWidth = 1;
    context.beginPath();
    for (const [ax, ay, bx, by] of [
      [0, y, x - gap, y], [x + gap, y, this.width, y], [x, 0, x, y - gap], [x, y + gap, x, this.height],
    ] as const) {
      context.moveTo(ax, ay);
      context.lineTo(bx, by);
    }
    context.stroke();
  }

  /** The brush under the pointer, and what it has passed over since the button went down. */
  private drawStroke(context: CanvasRenderingContext2D): void {
    const { stroke } = this.scene;
    if (!stroke) return;
    const radius = Math.max(1, stroke.radiusMm * this.pixelsPerMm());
    const seen = stroke.places.filter(
      (p) => Math.abs(p[this.cut.through] - this.scene.cursor[this.cut.through]) < 0.6,
    );
    if (stroke.cut !== this.cut && !stroke.waits) return;
    context.strokeStyle = stroke.colour;
    if (seen.length > 0) {
      context.globalAlpha = 0.45;
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = 2 * radius;
      context.beginPath();
      seen.forEach((place, i) => {
        const [x, y] = this.pointOf(place);
        if (i === 0) context.moveTo(x, y);
        context.lineTo(x, y);
      });
      context.stroke();
      context.globalAlpha = 1;
    }
    if (stroke.hover && stroke.cut === this.cut) {
      const [x, y] = this.pointOf(stroke.hover);
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  private drawLetters(context: CanvasRenderingContext2D): void {
    const [left, right] = LETTERS[this.cut.across] ?? ["", ""];
    const [top, bottom] = LETTERS[this.cut.down] ?? ["", ""];
    context.font = "600 14px system-ui, sans-serif";
    this.write(context, left, 10, this.height / 2, "left");
    this.write(context, right, this.width - (this.name === "PET MIP" ? 10 : 26), this.height / 2, "right");
    this.write(context, top, this.width / 2, 14, "center");
    this.write(context, bottom, this.width / 2, this.height - 12, "center");
    context.font = "12px system-ui, sans-serif";
    if (this.name === "PET MIP") {
      this.write(context, `SUV to ${this.scene.display.look.petTo}`, 10, this.height - 12, "left");
      return;
    }
    const index = this.scene.cursor[this.cut.through];
    const mm = worldOf(this.scene.frame, this.scene.cursor);
    const shown = ["x", "y", "z"][this.cut.through] ?? "";
    const position = (mm[this.cut.through] ?? 0).toFixed(1);
    const count = this.scene.frame.size[this.cut.through];
    this.write(context, `${index + 1}/${count}  ${shown} ${position} mm`, 10, this.height - 12, "left");
  }

  private drawScaleBar(context: CanvasRenderingContext2D): void {
    const scale = this.pixelsPerMm();
    const length = [100, 50, 20, 10, 5, 2, 1].find((mm) => mm * scale <= this.width / 4) ?? 1;
    const end = this.width - 28;
    const y = this.height - 10;
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
    this.write(context, length >= 10 ? `${length / 10} cm` : `${length} mm`, (begin + end) / 2, y - 10, "center");
  }

  private write(context: CanvasRenderingContext2D, text: string, x: number, y: number, align: CanvasTextAlign): void {
    context.textAlign = align;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.strokeStyle = HALO;
    context.lineWidth = 3;
    context.strokeText(text, x, y);
    context.fillStyle = INK;
    context.fillText(text, x, y);
  }
}

/** A plane on another one's pixels, nearest ones: while one of two images is still coarse. */
export function stretched(plane: Plane<Uint16Array>, like: Plane): Plane<Uint16Array> {
  const same = plane.width === like.width && plane.height === like.height && plane.across.step === like.across.step;
  if (same) return plane;
  const values = new Uint16Array(like.width * like.height);
  const near = (k: number, from: Reach, to: Reach, length: number): number =>
    Math.min(length - 1, Math.max(0, Math.round((from.first + k * from.step - to.first) / to.step)));
  for (let row = 0; row < like.height; row++) {
    const source = near(row, like.down, plane.down, plane.height) * plane.width;
    for (let column = 0; column < like.width; column++) {
      values[row * like.width + column] =
        plane.values[source + near(column, like.across, plane.across, plane.width)] as number;
    }
  }
  return { ...plane, values, width: like.width, height: like.height, across: like.across, down: like.down };
}

