/** The four panes, one of them large, and the pointer on them. */

import { h } from "./dom.js";
import type { Triple } from "./geometry.js";
import type { Scene } from "./scene.js";
import type { Tools } from "./tools.js";
import { View, type Name } from "./view.js";
import { AXIAL, CORONAL, SAGITTAL } from "./volume.js";

const NOTCH = 50; // CSS pixels that are a slice; a wheel's notch is 100 or more

export class Panes {
  readonly root = h("div", { class: "panes" });
  readonly views: readonly View[];
  /** Where the pointer is, for the read-out. */
  hovered: (place: Triple | undefined) => void = () => {};
  private large: Name = "Axial";
  private active: View;
  /** Where the pointer rests: what lies under it changes with the slice, too. */
  private pointer: { view: View; x: number; y: number; idle: boolean } | undefined;

  constructor(
    private readonly scene: Scene,
    private readonly tools: Tools,
  ) {
    const make = (name: Name, cut: View["cut"]): View =>
      new View(name, cut, scene, () => this.enlarge(name));
    const axial = make("Axial", AXIAL);
    this.views = [
      axial,
      make("Coronal", CORONAL),
      make("Sagittal", SAGITTAL),
      make("PET MIP", CORONAL),
    ];
    this.active = axial;
    this.root.append(...this.views.map((view) => view.root));
    this.enlarge("Axial");
    scene.images.on(() => this.redraw());
    scene.marks.on(() => this.redraw(true));
    scene.moved.on(() => {
      for (const view of this.views) {
        view.follow();
        view.reveal(scene.cursor);
      }
      this.rest();
    });
    tools.changed.on(() => this.cursors());
    for (const view of this.views) this.listen(view);
    this.cursors();
  }

  /** The view that keys mean: the one with focus, or the last one that had it. */
  get current(): View {
    return this.active;
  }

  enlarge(name: Name): void {
    this.large = this.large === name && name !== "Axial" ? "Axial" : name;
    for (const view of this.views) view.root.classList.toggle("large", view.name === this.large);
  }

  /** What is under a pointer that didn't move. */
  private rest(): void {
    if (!this.pointer) return;
    const { view, x, y, idle } = this.pointer;
    const place = view.placeAt(x, y);
    this.hovered(place);
    if (idle) this.tools.hover(view, place);
  }

  private redraw(marksAlone = false): void {
    for (const view of this.views) view.redraw(marksAlone);
  }

  private cursors(): void {
    for (const view of this.views) {
      view.canvas.classList.toggle("draws", this.tools.tool !== "look");
    }
  }

  private listen(view: View): void {
    const { canvas } = view;
    const placeOf = (event: PointerEvent): Triple => view.placeAt(event.offsetX, event.offsetY);
    let turned = 0; // of a touchpad, which tells of every pixel
    let mode: "tool" | "window" | "pan" | undefined;
    canvas.addEventListener("focus", () => (this.active = view));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      this.active = view;
      if (this.pointer) this.pointer.idle = false;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      if (event.button === 1 || (event.button === 0 && event.shiftKey)) mode = "pan";
      else if (event.button === 2) mode = "window";
      else if (event.button === 0) mode = this.tools.press(view, placeOf(event)) ? "tool" : undefined;
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (mode && event.buttons === 0) up(event); // let go where nobody could tell, as in another window
      const place = placeOf(event);
      this.pointer = { view, x: event.offsetX, y: event.offsetY, idle: !mode };
      this.hovered(place);
      if (mode === "pan") view.panBy(event.movementX, event.movementY);
      else if (mode === "window") this.window(event.movementX, event.movementY);
      else if (mode === "tool") this.tools.drag(view, place);
      else this.tools.hover(view, place);
    });
    const up = (event: PointerEvent): void => {
      if (mode === "tool") void this.tools.release(view, placeOf(event));
      mode = undefined;
      if (this.pointer) this.pointer.idle = true;
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", () => {
      mode = undefined;
      this.tools.leave();
    });
    canvas.addEventListener("pointerleave", () => {
      this.pointer = undefined;
      this.hovered(undefined);
      if (!mode) this.tools.leave();
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        if (event.ctrlKey || view.name === "PET MIP") {
          view.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
          return;
        }
        turned = Math.abs(event.deltaY) >= NOTCH ? event.deltaY : turned + event.deltaY;
        if (Math.abs(turned) < NOTCH) return;
        this.scroll(view, Math.sign(turned));
        turned = 0;
      },
      { passive: false },
    );
  }

  scroll(view: View, by: number): void {
    const along = view.cut.through;
    this.scene.moveAlong(along, this.scene.cursor[along] + by);
  }

  /** Right button: sideways widens the CT's window, up and down moves it. */
  private window(dx: number, dy: number): void {
    const { look } = this.scene.display;
    this.scene.display.set({
      width: Math.min(6000, Math.max(10, Math.round(look.width + dx * 4))),
      centre: Math.min(3000, Math.max(-1000, Math.round(look.centre + dy * 3))),
    });
  }
}
