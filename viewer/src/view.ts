/** One pane: a plane of the images with everything laid over it. */

import { CLASS_COLOURS, CLASS_DASHES, TUMOURS, VALUE_OF, type Tumour } from "./colours.js";
import { h } from "./dom.js";
import { drawSoon } from "./frames.js";
import type { Triple } from "./geometry.js";
import { drawMarks, drawMipMarks } from "./marks.js";
import { filled, heated, outlined, painted, type Outline, type PetLook, type Pixels } from "./paint.js";
import { contour, hatch } from "./pen.js";
import type { Scene } from "./scene.js";
import { Viewport } from "./viewport.js";
import type { Cut, Plane, Reach, Volume } from "./volume.js";

export type Name = "Axial" | "Coronal" | "Sagittal" | "PET MIP";

/** Shoulders would make heads small: an axial slice shows what matters, and zoom the rest. */
const AXIAL_MM = 250;
const HATCHED = { beyond: "rgba(150, 165, 200, 0.75)", notSampled: "rgba(235, 235, 235, 0.8)" } as const;
const FILLS: Readonly<Record<Tumour, readonly [number, number, number]>> = {
  GTVp: [255, 122, 69],
  GTVn: [92, 200, 255],
};

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
  private readonly port: Viewport;
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
    this.port = new Viewport(cut, scene.frame, this.root, name === "Axial" ? AXIAL_MM : Infinity);
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

  /** Where a point of the pane lies: a place between voxels, on the shown slice; on the projection, the hottest one. */
  placeAt(x: number, y: number): [number, number, number] {
    const place = this.port.placeAt(x, y, this.scene.cursor);
    if (this.name === "PET MIP") place[1] = this.depthAt(place);
    return place;
  }

  zoomBy(factor: number, x?: number, y?: number): void {
    this.port.zoomBy(factor, x, y);
    this.redraw();
  }

  panBy(dx: number, dy: number): void {
    this.port.panBy(dx, dy);
    this.redraw();
  }

  whole(): void {
    this.port.whole();
    this.redraw();
  }

  /** Bring a place into sight, where zoom hides it. */
  reveal(place: Triple): void {
    if (this.port.reveal(place)) this.redraw();
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
    if (this.port.width === 0) return;
    if (wanted === 2) this.drawImage();
    const context = this.prepared(this.marks);
    if (context) (this.name === "PET MIP" ? drawMipMarks : drawMarks)(context, this.port, this.scene);
  }

  private prepared(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.port.width * ratio), Math.round(this.port.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, this.port.width, this.port.height);
    return context;
  }

  private drawImage(): void {
    const context = this.prepared(this.canvas);
    if (!context) return;
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.port.width, this.port.height);
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
        if (notSampled !== undefined) hatch(context, this.port, outlined(heat, notSampled), heat, HATCHED.notSampled);
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
    this.show(context, "image", plane, this.scene.display.look.smooth);
    hatch(context, this.port, beyond, plane, HATCHED.beyond);
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
      contour(context, this.port, outline, locked, { colour: "#ffffff", width: 4, dashes: [1, 4] });
    }
    for (const tumour of TUMOURS) {
      const outline = outlined(labels, VALUE_OF[tumour]);
      contour(context, this.port, outline, labels, {
        colour: CLASS_COLOURS[tumour],
        width: 2,
        dashes: CLASS_DASHES[tumour],
      });
    }
  }

  private drawPreview(context: CanvasRenderingContext2D, preview: Plane<Uint8Array>): void {
    for (const tumour of TUMOURS) {
      const outline = outlined(preview, VALUE_OF[tumour]);
      contour(context, this.port, outline, preview, { colour: "#fff3a3", width: 1.5, dashes: [2, 2] });
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
    this.lay(context, "image", pixels, mip, this.scene.display.look.smooth);
    const beyond = outlined(mip, pictures.pet?.header.not_covered ?? 65535);
    hatch(context, this.port, beyond, mip, HATCHED.beyond);
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
    const [x, y] = this.port.corner(plane.across, plane.down, 0, 0);
    const [right, bottom] = this.port.corner(plane.across, plane.down, plane.width, plane.height);
    context.imageSmoothingEnabled = smooth;
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas, x, y, right - x, bottom - y);
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

