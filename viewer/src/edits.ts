/** Every edit that stands, newest first; any of them can be taken out. */

import { button, filledWith, h } from "./dom.js";
import { placeOf } from "./geometry.js";
import type { EditLine, Xyz } from "./wire.js";
import { latency } from "./words.js";
import type { Scene } from "./scene.js";
import type { Work } from "./work.js";

export class EditList {
  readonly root = h("section", { class: "panel", "aria-label": "Edits" });
  private readonly list = h("ol", { class: "edits", reversed: true });
  private listed: EditLine[] | undefined;
  private couldEdit = false;
  private readonly none = h("p", { class: "quiet" }, "No edit yet: these are the contours that the work began with.");

  constructor(
    private readonly work: Work,
    private readonly scene: Scene,
  ) {
    this.root.append(h("h2", {}, "Edits"), this.none, this.list);
    work.changed.on(() => this.show());
    this.show();
  }

  private show(): void {
    const { edits } = this.work.facts;
    if (edits === this.listed && this.work.mayEdit === this.couldEdit) return;
    this.listed = edits;
    this.couldEdit = this.work.mayEdit;
    this.none.hidden = edits.length > 0;
    filledWith(this.list, ...[...edits].reverse().map((line) => this.line(line)));
  }

  private line(line: EditLine): HTMLElement {
    const position = positionOf(line);
    const go = button(line.told, () => position && this.scene.moveTo(placeOf(this.scene.frame, position)), {
      class: "told",
      disabled: !position,
      "data-key": `edit ${line.id}`,
    });
    const off = button("✕", () => void this.work.remove(line.id), {
      class: "small",
      "aria-label": `Remove this edit: ${line.told}`,
      title: "Remove this edit; later ones stay",
      disabled: !this.work.mayEdit,
      "data-key": `remove ${line.id}`,
    });
    const seconds = this.work.seconds.get(line.id);
    return h("li", {}, go, off, seconds !== undefined && h("span", { class: "quiet took" }, `took ${latency(seconds)}`));
  }
}

function positionOf({ edit }: EditLine): Xyz | undefined {
  const several = edit.positions_mm as Xyz[] | undefined;
  return (edit.position_mm as Xyz | undefined) ?? several?.[0];
}
