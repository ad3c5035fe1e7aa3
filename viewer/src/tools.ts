/** What a pointer on an image does: look, click, draw a line or a box, paint, rub out, join, part. */

import type { Api } from "./api.js";
import { boxOf, isPoint } from "./box.js";
import { CLASS_COLOURS, type Tumour } from "./colours.js";
import { isInside, placeOf, worldOf, type Triple } from "./geometry.js";
import { ReachPreview } from "./reach.js";
import type { Box, Scene, Stroke } from "./scene.js";
import { Signal } from "./signal.js";
import { drawnTo, positionsOf } from "./stroke.js";
import type { View } from "./view.js";
import type { Cut } from "./volume.js";
import type { Edit, Xyz } from "./wire.js";
import type { Work } from "./work.js";

interface About {
  readonly name: string;
  readonly key: string;
  readonly about: string;
  readonly kind: "look" | "click" | "line" | "paint" | "box" | "pair";
}

export const TOOLS = {
  look: { name: "Look", key: "v", kind: "look", about: "Click or drag to go somewhere; nothing is changed." },
  box: { name: "Box", key: "f", kind: "box", about: "Draw a box round missed tumour; it is as deep as it is wide." },
  add: { name: "Add", key: "a", kind: "click", about: "Click on tumour that was missed." },
  remove: { name: "Remove", key: "r", kind: "click", about: "Click on what is no tumour." },
  "scribble-add": { name: "Scribble +", key: "s", kind: "line", about: "Draw a line through tumour that was missed." },
  "scribble-remove": { name: "Scribble −", key: "d", kind: "line", about: "Draw a line through what is no tumour." },
  brush: { name: "Brush", key: "b", kind: "paint", about: "Paint, without the network." },
  eraser: { name: "Eraser", key: "e", kind: "paint", about: "Rub out, without the network." },
  merge: { name: "Merge", key: "j", kind: "pair", about: "Click on a lesion, then on one that belongs to it." },
  split: { name: "Split", key: "k", kind: "pair", about: "Click on one part of a lesion, then on the other." },
} as const satisfies Record<string, About>;
export type Tool = keyof typeof TOOLS;
export const TOOL_NAMES = Object.keys(TOOLS) as Tool[];

export const BRUSH_MM = { least: 1, most: 30 } as const;
/** How far from a click the network may answer; without a number, as far as suits the lesion. */
export const REACH_MM = { least: 15, most: 40 } as const;
const LINE_MM = 1;

/** Whether a tool asks the network. */
export function asksNetwork(tool: Tool): boolean {
  return ["click", "line", "box"].includes(TOOLS[tool].kind);
}

export class Tools {
  tool: Tool = "look";
  tumour: Tumour = "GTVp";
  radiusMm = 5;
  reachMm: number | undefined;
  /** The eraser rubs out whatever is there. */
  erasesBoth = false;
  readonly changed = new Signal();
  private readonly reach: ReachPreview;
  private readonly waiting = new Set<Scene["clicks"][number]>();
  private pointed: Triple | undefined;
  private corner: Triple | undefined;

  constructor(
    api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
  ) {
    this.reach = new ReachPreview(api, work, scene);
    work.changed.on(() => this.markClicks());
    this.markClicks();
  }

  choose(tool: Tool): void {
    this.tool = tool;
    this.pointed = this.corner = this.scene.picked = this.scene.box = undefined;
    this.leave();
    this.changed.tell();
  }

  chooseClass(tumour: Tumour): void {
    this.tumour = tumour;
    this.askReach();
    this.changed.tell();
  }

  chooseRadius(mm: number): void {
    this.radiusMm = held(mm, BRUSH_MM);
    if (this.scene.stroke) this.scene.stroke.radiusMm = this.drawnRadius;
    this.changed.tell();
    this.scene.marks.tell();
  }

  /** Below the least: as far as suits the lesion. */
  chooseReach(mm: number): void {
    this.reachMm = mm < REACH_MM.least ? undefined : held(mm, REACH_MM);
    this.askReach();
    this.changed.tell();
  }

  chooseBoth(both: boolean): void {
    this.erasesBoth = both;
    this.changed.tell();
  }

  /** Smaller or larger: of the brush, or of what a click can reach. */
  resize(steps: -1 | 1): void {
    if (this.kind === "paint") this.chooseRadius(this.radiusMm + 0.5 * steps);
    else if (this.kind === "click" || this.kind === "line") {
      this.chooseReach((this.reachMm ?? REACH_MM.least - 1) + steps);
    }
  }

  /** The pointer went down at a place; true: what follows until it goes up belongs to it. */
  press(view: View, place: Triple): boolean {
    const inside = isInside(this.scene.frame, place);
    if (inside) this.scene.moveTo(place);
    if (this.kind === "look" || view.name === "PET MIP") return true;
    if (!inside) {
      this.wrong("That is outside the image.");
      return false;
    }
    if (!this.mayEdit()) return false;
    if (this.kind === "click") this.click(place);
    else if (this.kind === "pair") this.pick(place);
    else {
      if (this.kind === "box") this.corner = place;
      else this.scene.stroke = this.stroke(view.cut, [[place]], place);
      this.scene.marks.tell();
      return true;
    }
    return false;
  }

  drag(view: View, place: Triple): void {
    if (this.kind === "look" || view.name === "PET MIP") {
      this.scene.moveTo(place);
      return;
    }
    const { frame, stroke } = this.scene;
    if (this.kind === "box" && this.corner) {
      this.scene.box = boxOf(frame, this.corner, place, view.cut.through);
    } else if (stroke && !drawnTo(stroke, frame, place, this.spacingMm)) {
      this.wrong("This line is as long as one can be. Let go, and draw on from here.");
    }
    this.scene.marks.tell();
  }

  /** The pointer went up at a place. */
  async release(view: View, place: Triple): Promise<void> {
    const { frame, stroke } = this.scene;
    if (this.kind === "box" && this.corner) {
      const from = this.corner;
      this.corner = this.scene.box = undefined;
      if (isPoint(frame, from, place)) this.wrong("Draw the box from one corner of the lesion to the opposite one.");
      else await this.sendBox(boxOf(frame, from, place, view.cut.through));
    } else if (stroke && stroke.ways.some((way) => way.length > 0)) {
      await this.sendStroke(stroke);
    }
  }

  /** The pointer rests somewhere: show what the next click could change, or the brush. */
  hover(view: View, place: Triple): void {
    if (view.name === "PET MIP") return;
    if (this.kind === "line" || this.kind === "paint") {
      this.scene.stroke = this.stroke(view.cut, [], place);
      this.scene.marks.tell();
    } else if (this.kind === "click" && isInside(this.scene.frame, place)) {
      this.pointed = place;
      this.askReach();
    }
  }

  /** The pointer went elsewhere, or what it did was broken off. */
  leave(): void {
    this.reach.drop();
    this.corner = this.scene.box = this.scene.stroke = undefined;
    this.scene.marks.tell();
  }

  /** The tool used where the cursor is, for hands on the keyboard. */
  useAtCursor(cut: Cut): void {
    if (this.kind === "look" || !this.mayEdit()) return;
    const place = this.scene.cursor;
    if (this.kind === "click") this.click(place);
    else if (this.kind === "pair") this.pick(place);
    else if (this.kind !== "box") void this.sendStroke(this.stroke(cut, [[place]], undefined));
    else if (!this.scene.picked) this.asked(place, "Move the cross to the opposite corner, and use the box again.");
    else {
      const box = boxOf(this.scene.frame, this.scene.picked, place, cut.through);
      this.scene.picked = undefined;
      void this.sendBox(box);
    }
  }

  private get kind(): About["kind"] {
    return TOOLS[this.tool].kind;
  }

  private get drawnRadius(): number {
    return this.kind === "paint" ? this.radiusMm : LINE_MM;
  }

  /** mm between positions of a line: no voxel of it is left out, and no thousand more than needed. */
  private get spacingMm(): number {
    const fine = Math.min(...this.scene.frame.spacing);
    return this.kind === "paint" ? Math.max(fine, this.radiusMm / 3) : fine;
  }

  private mayEdit(): boolean {
    if (this.work.mayEdit) return true;
    this.wrong(this.work.onlyLooks || "The images are still coming; edits begin once they are whole.");
    return false;
  }

  private wrong(text: string): void {
    this.work.notices.tell({ text, kind: "wrong" });
  }

  private stroke(cut: Cut, ways: Triple[][], hover: Triple | undefined): Stroke {
    const rubs = this.tool === "eraser" || this.tool === "scribble-remove";
    return { ways, hover, radiusMm: this.drawnRadius, colour: rubs ? "#ffffff" : CLASS_COLOURS[this.tumour], cut };
  }

  private click(place: Triple): void {
    this.reach.drop();
    const mark = { place, positive: this.tool === "add", colour: CLASS_COLOURS[this.tumour], waits: true };
    this.waiting.add(mark);
    this.markClicks();
    void this.work.edit(this.clicked(place)).finally(() => {
      this.waiting.delete(mark);
      this.markClicks();
    });
  }

  private clicked(place: Triple): Edit {
    const positive = this.tool === "add";
    return { edit: "click", class: this.tumour, position_mm: this.world(place), positive, ...this.reached };
  }

  /** How far a click may reach, where that was set. */
  get reached(): { radius_mm?: number } {
    return this.reachMm === undefined ? {} : { radius_mm: this.reachMm };
  }

  private askReach(): void {
    const place = this.pointed;
    if (this.kind === "click" && place && this.work.mayEdit) this.reach.askSoon(() => this.clicked(place));
  }

  private async sendStroke(stroke: Stroke): Promise<void> {
    const edit = this.drawn(positionsOf(stroke).map((place) => this.world(place)));
    this.scene.stroke = undefined;
    await this.shownUntil(this.scene.sent, stroke, edit);
  }

  private async sendBox(box: Box): Promise<void> {
    const [corner, opposite] = box.map((place) => this.world(place));
    const edit = { edit: "box", class: this.tumour, corner_mm: corner, opposite_mm: opposite };
    await this.shownUntil(this.scene.sentBoxes, box, edit);
  }

  /** What was drawn stays in sight until its answer is. */
  private async shownUntil<T>(among: Set<T>, drawn: T, edit: Edit): Promise<void> {
    among.add(drawn);
    this.scene.marks.tell();
    await this.work.edit(edit);
    among.delete(drawn);
    this.scene.marks.tell();
  }

  /** The first of two lesions, or parts of one; then the second. */
  private pick(place: Triple): void {
    const tumour = this.scene.tumourAt(place);
    if (!tumour) {
      this.wrong("There is no lesion at this place. Click into one.");
      return;
    }
    const first = this.scene.picked;
    const before = first && this.scene.tumourAt(first);
    if (!first || !before) {
      const next = this.tool === "merge" ? "the lesion that belongs to it" : "the other part of it";
      this.asked(place, `Now click on ${next}. Escape: leave it.`);
      return;
    }
    this.scene.picked = undefined;
    const between = { class: before, position_mm: this.world(first), other_position_mm: this.world(place) };
    const edit = this.tool === "merge"
      ? { edit: "merge", ...between, other_class: tumour }
      : { edit: "split", ...between };
    void this.work.edit(edit);
  }

  private asked(place: Triple, text: string): void {
    this.scene.picked = place;
    this.work.notices.tell({ text, kind: "done" });
    this.scene.marks.tell();
  }

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

  private drawn(positions: Xyz[]): Edit {
    const line = { class: this.tumour, positions_mm: positions };
    switch (this.tool) {
      case "brush":
        return { edit: "brush", ...line, brush_mm: this.radiusMm };
      case "eraser":
        return { edit: "eraser", ...line, class: this.erasesBoth ? null : this.tumour, brush_mm: this.radiusMm };
      default:
        return { edit: "scribble", ...line, positive: this.tool === "scribble-add", ...this.reached };
    }
  }

  /** A position in mm, to a hundredth: text that long says no more. */
  private world(place: Triple): Xyz {
    const [x, y, z] = worldOf(this.scene.frame, place).map((v) => Math.round(v * 100) / 100);
    return [x ?? 0, y ?? 0, z ?? 0];
  }
}

function held(value: number, { least, most }: { least: number; most: number }): number {
  return Math.min(most, Math.max(least, value));
}
