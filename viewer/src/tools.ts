/** What a pointer on an image does: look, click, scribble, paint, rub out; and where a click would reach. */

import { Trouble, told, type Api, type Edit, type Xyz } from "./api.js";
import { CLASS_COLOURS, type Tumour } from "./colours.js";
import { isInside, placeOf, worldOf, type Triple } from "./geometry.js";
import { volume } from "./pictures.js";
import type { Scene } from "./scene.js";
import { Signal } from "./signal.js";
import type { View } from "./view.js";
import type { Work } from "./work.js";

export const TOOLS = {
  look: { name: "Look", key: "v", about: "Click or drag to go somewhere; nothing is changed." },
  add: { name: "Add", key: "a", about: "Click on tumour that was missed." },
  remove: { name: "Remove", key: "r", about: "Click on what is no tumour." },
  "scribble-add": { name: "Scribble +", key: "s", about: "Draw a line through tumour that was missed." },
  "scribble-remove": { name: "Scribble −", key: "d", about: "Draw a line through what is no tumour." },
  brush: { name: "Brush", key: "b", about: "Paint, without the network." },
  eraser: { name: "Eraser", key: "e", about: "Rub out, without the network." },
} as const;
export type Tool = keyof typeof TOOLS;
export const TOOL_NAMES = Object.keys(TOOLS) as Tool[];

const DRAWN: readonly Tool[] = ["scribble-add", "scribble-remove", "brush", "eraser"];
const MOST_POSITIONS = 9000;
const HOVER_MS = 160;
export const BRUSH_MM = { least: 1, most: 30 } as const;

export class Tools {
  tool: Tool = "look";
  tumour: Tumour = "GTVp";
  radiusMm = 5;
  readonly changed = new Signal();
  private hovering: AbortController | undefined;
  private timer = 0;

  constructor(
    private readonly api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
  ) {
    work.changed.on(() => this.markClicks());
    this.markClicks();
  }

  choose(tool: Tool): void {
    this.tool = tool;
    this.leave();
    this.changed.tell();
  }

  chooseClass(tumour: Tumour): void {
    this.tumour = tumour;
    this.changed.tell();
  }

  chooseRadius(mm: number): void {
    this.radiusMm = Math.min(BRUSH_MM.most, Math.max(BRUSH_MM.least, mm));
    this.changed.tell();
    this.scene.marks.tell();
  }

  get draws(): boolean {
    return DRAWN.includes(this.tool);
  }

  /** The pointer went down at a place; true: it draws until it goes up. */
  press(view: View, place: Triple): boolean {
    const inside = isInside(this.scene.frame, place);
    if (inside) this.scene.moveTo(place);
    if (this.tool === "look" || view.name === "PET MIP") return true;
    if (!inside) {
      this.work.notices.tell({ text: "That is outside the image.", kind: "wrong" });
      return false;
    }
    if (!this.work.mayEdit) {
      const text = this.work.onlyLooks || "The images are still coming; edits begin once they are whole.";
      this.work.notices.tell({ text, kind: "wrong" });
      return false;
    }
    if (!this.draws) {
      this.click(place);
      return false;
    }
    this.scene.stroke = {
      places: [place],
      hover: place,
      radiusMm: this.drawnRadius,
      colour: this.colour,
      cut: view.cut,
      waits: false,
    };
    this.scene.marks.tell();
    return true;
  }

  drag(view: View, place: Triple): void {
    const stroke = this.scene.stroke;
    if (this.tool === "look" || view.name === "PET MIP") {
      this.scene.moveTo(place);
      return;
    }
    if (!stroke || stroke.waits) return;
    const last = stroke.places[stroke.places.length - 1];
    stroke.hover = place;
    if (last && isInside(this.scene.frame, place)) {
      stroke.places.push(...between(this.scene, last, place, this.spacingMm));
    }
    this.scene.marks.tell();
  }

  async release(): Promise<void> {
    const stroke = this.scene.stroke;
    if (!stroke || stroke.waits || stroke.places.length === 0) return;
    stroke.waits = true;
    const positions = stroke.places.slice(0, MOST_POSITIONS).map((p) => this.world(p));
    await this.work.edit(this.drawn(positions));
    if (this.scene.stroke === stroke) this.scene.stroke = undefined;
    this.scene.marks.tell();
  }

  /** The pointer rests somewhere: show what the next click could change, or the brush. */
  hover(view: View, place: Triple): void {
    if (view.name === "PET MIP") return;
    if (this.draws) {
      if (!this.scene.stroke?.waits) {
        this.scene.stroke = {
          places: [],
          hover: place,
          radiusMm: this.drawnRadius,
          colour: this.colour,
          cut: view.cut,
          waits: false,
        };
      }
      this.scene.marks.tell();
    } else if (this.tool !== "look" && this.work.mayEdit) {
      clearTimeout(this.timer);
      if (!isInside(this.scene.frame, place)) return;
      this.timer = window.setTimeout(() => void this.askRegion(place), HOVER_MS);
    }
  }

  leave(): void {
    clearTimeout(this.timer);
    this.hovering?.abort();
    if (this.scene.stroke && !this.scene.stroke.waits) this.scene.stroke = undefined;
    this.scene.region = undefined;
    this.scene.marks.tell();
  }

  /** The tool used where the cursor is, for hands on the keyboard. */
  useAtCursor(): void {
    if (this.tool === "look") return;
    if (!this.work.mayEdit) {
      this.work.notices.tell({ text: this.work.onlyLooks || "The images are still coming.", kind: "wrong" });
      return;
    }
    if (this.draws) void this.work.edit(this.drawn([this.world(this.scene.cursor)]));
    else this.click(this.scene.cursor);
  }

  private click(place: Triple): void {
    const positive = this.tool === "add";
    this.scene.region = undefined;
    const mark = { place, positive, colour: CLASS_COLOURS[this.tumour], waits: true };
    this.waiting.add(mark);
    this.markClicks();
    const edit: Edit = { edit: "click", class: this.tumour, position_mm: this.world(place), positive };
    void this.work.edit(edit).finally(() => {
      this.waiting.delete(mark);
      this.markClicks();
    });
  }

  private readonly waiting = new Set<Scene["clicks"][number]>();

  private markClicks(): void {
    const marks: Scene["clicks"] = [...this.waiting];
    for (const { edit } of this.work.facts.edits) {
      if (edit.edit !== "click") continue;
      marks.push({
        place: placeOf(this.scene.frame, edit.position_mm as Xyz),
        positive: edit.positive !== false,
        colour: CLASS_COLOURS[edit.class as Tumour],
        waits: false,
      });
    }
    this.scene.clicks = marks;
    this.scene.marks.tell();
  }

  private async askRegion(place: Triple): Promise<void> {
    this.hovering?.abort();
    const asking = new AbortController();
    this.hovering = asking;
    const positive = this.tool === "add";
    const edit: Edit = { edit: "click", class: this.tumour, position_mm: this.world(place), positive };
    try {
      const found = await this.api.region(this.work.id, edit, asking.signal);
      if (asking.signal.aborted) return;
      this.scene.region = volume(found, this.scene.frame);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.scene.region = undefined;
      // a place that can't be clicked says so before the click
      if (error instanceof Trouble && error.code !== "gone") {
        this.work.notices.tell({ text: told(error), kind: "wrong" });
      }
    }
    this.scene.marks.tell();
  }

  private get drawnRadius(): number {
    return this.tool === "brush" || this.tool === "eraser" ? this.radiusMm : 1;
  }

  private get colour(): string {
    return this.tool === "eraser" || this.tool === "scribble-remove" ? "#ffffff" : CLASS_COLOURS[this.tumour];
  }

  /** mm between positions of a line: no voxel of it is left out, and no thousand more than needed. */
  private get spacingMm(): number {
    const fine = Math.min(...this.scene.frame.spacing);
    return this.tool === "brush" || this.tool === "eraser" ? Math.max(fine, this.radiusMm / 3) : fine;
  }

  private drawn(positions: Xyz[]): Edit {
    if (this.tool === "brush") {
      return { edit: "brush", class: this.tumour, positions_mm: positions, brush_mm: this.radiusMm };
    }
    if (this.tool === "eraser") {
      return { edit: "eraser", class: this.tumour, positions_mm: positions, brush_mm: this.radiusMm };
    }
    return {
      edit: "scribble",
      class: this.tumour,
      positions_mm: positions,
      positive: this.tool === "scribble-add",
    };
  }

  /** A position in mm, to a hundredth: text that long says no more. */
  private world(place: Triple): Xyz {
    const [x, y, z] = worldOf(this.scene.frame, place).map((v) => Math.round(v * 100) / 100);
    return [x ?? 0, y ?? 0, z ?? 0];
  }
}

/** Places from one to another, without the first. */
function between(scene: Scene, from: Triple, to: Triple, spacingMm: number): Triple[] {
  const { spacing } = scene.frame;
  const length = Math.hypot(...([0, 1, 2] as const).map((k) => (to[k] - from[k]) * spacing[k]));
  const count = Math.max(1, Math.ceil(length / spacingMm));
  if (length < spacingMm / 2) return [];
  return Array.from({ length: count }, (_, i): Triple => {
    const t = (i + 1) / count;
    return [
      from[0] + (to[0] - from[0]) * t,
      from[1] + (to[1] - from[1]) * t,
      from[2] + (to[2] - from[2]) * t,
    ];
  });
}
