/** Lesions, flagged ones first; and the next uncertain place. */

import { told, type Api } from "./api.js";
import { CLASS_COLOURS, type Tumour } from "./colours.js";
import { button, filledWith, h } from "./dom.js";
import { placeOf, type Triple } from "./geometry.js";
import type { Scene } from "./scene.js";
import type { Tools } from "./tools.js";
import type { Lesion, Lesions, NotDrawn, Suggestion, Xyz } from "./wire.js";
import type { Work } from "./work.js";

const PLACES = 10;

export class LesionList {
  readonly root = h("section", { class: "panel", "aria-label": "Lesions" });
  private readonly list = h("ul", { class: "lesions" });
  private readonly count = h("p", { class: "quiet" });
  private readonly unsure = h("summary", {});
  private readonly undrawn = h("ul", { class: "lesions" });
  private readonly listedOnly = h("details", { hidden: true }, this.unsure, this.undrawn);
  private readonly several = button("", () => this.eraseAll(flagged), { class: "wide" });
  private readonly others = button("", () => this.eraseAll(unconfirmed), {
    class: "wide",
    title: "For when you have clicked every lesion: what holds no click, box or stroke of yours and isn't checked is deleted. One undo brings it back.",
  });
  private readonly place = h("p", { class: "quiet", "aria-live": "polite" });
  private suggestions: Suggestion[] = [];
  private shown = -1;
  private ofRevision = "";
  private listed: Lesions | undefined;
  private couldEdit = false;

  constructor(
    private readonly api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
    private readonly tools: Tools,
  ) {
    const next = button("Next uncertain place", () => void this.nextPlace(), { class: "wide", "aria-keyshortcuts": "n" });
    this.root.append(h("h2", {}, "Lesions"), next, this.place, this.count, this.several, this.others, this.list, this.listedOnly);
    work.changed.on(() => this.show());
    this.show();
  }

  /** Go to the next place where a click is worth most; the list begins anew after a change. */
  async nextPlace(): Promise<void> {
    try {
      if (this.ofRevision !== this.work.facts.revision) {
        const revision = this.work.facts.revision;
        this.suggestions = (await this.api.suggestions(this.work.id, PLACES)).suggestions;
        this.ofRevision = revision;
        this.shown = -1;
      }
    } catch (error) {
      this.work.notices.tell({ text: told(error), kind: "wrong" });
      return;
    }
    if (this.suggestions.length === 0) {
      this.place.textContent = "No place is left that is uncertain.";
      return;
    }
    this.shown = (this.shown + 1) % this.suggestions.length;
    const found = this.suggestions[this.shown];
    if (!found) return;
    this.goTo(found.position_mm);
    const suv = found.suv_max === null ? "" : `, SUVmax ${found.suv_max.toFixed(1)}`;
    this.place.textContent =
      `Place ${this.shown + 1} of ${this.suggestions.length}: ` +
      `${found.volume_ml.toFixed(2)} ml in doubt${suv}.`;
  }

  /** The lesion in which the cursor lies. */
  get here(): { tumour: Tumour; position: Xyz; locked: boolean } | undefined {
    const tumour = this.scene.tumourAt(this.scene.cursor);
    if (!tumour) return undefined;
    const locked = this.scene.pictures.locked?.at(this.scene.cursor) === 1;
    return { tumour, position: this.scene.position, locked };
  }

  lock(tumour: Tumour, position: Xyz, locked: boolean): void {
    void this.work.edit({ edit: locked ? "unlock" : "lock", class: tumour, position_mm: position });
  }

  erase(tumour: Tumour, position: Xyz): void {
    void this.work.edit({ edit: "delete", class: tumour, position_mm: position });
  }

  relabel(tumour: Tumour, position: Xyz): void {
    const to = other(tumour);
    void this.work.edit({ edit: "relabel", class: tumour, to, position_mm: position });
  }

  /** One edit, so that one undo brings all of them back. */
  private eraseAll(which: (lesion: Lesion) => boolean): void {
    const chosen = (this.work.lesions?.lesions ?? []).filter(which);
    void this.work.edit({
      edit: "delete-several",
      classes: chosen.map((l) => l.class),
      positions_mm: chosen.map((l) => l.inside_mm),
    });
  }

  private goTo(position: Xyz): void {
    const place: Triple = placeOf(this.scene.frame, position);
    this.scene.moveTo(place);
  }

  private show(): void {
    const found = this.work.lesions;
    if (found && found === this.listed && this.work.mayEdit === this.couldEdit) return; // hundreds take their time
    this.listed = found;
    this.couldEdit = this.work.mayEdit;
    if (!found) {
      this.several.hidden = this.others.hidden = this.listedOnly.hidden = true;
      this.count.textContent = "Looking for lesions …";
      return;
    }
    const doubtful = found.lesions.filter(flagged).length;
    this.several.hidden = doubtful < 2;
    this.several.textContent = `Delete all ${doubtful} flagged`;
    const left = found.lesions.filter(unconfirmed).length;
    this.others.hidden = left === 0 || left === found.lesions.length;
    this.others.textContent = `Delete the ${left} I didn't confirm`;
    this.several.disabled = this.others.disabled = !this.work.mayEdit;
    const beyond = found.beyond_voxels
      ? ` ${found.beyond_voxels} labelled voxels lie beyond the pictures, outside the body.`
      : "";
    this.count.textContent =
      found.lesions.length === 0
        ? `No lesion is drawn.${beyond}`
        : `${found.lesions.length} drawn${doubtful ? `, ${doubtful} flagged` : ""}.${beyond}`;
    filledWith(this.list, ...found.lesions.map((lesion) => this.line(lesion)));
    const unsure = [...found.not_drawn].sort((a, b) => b.volume_ml - a.volume_ml);
    this.listedOnly.hidden = unsure.length === 0;
    this.unsure.textContent = `${unsure.length} not drawn, as too small or too doubtful for this model`;
    filledWith(this.undrawn, ...unsure.map((place, index) => this.undrawnLine(place, index + 1)));
  }

  private undrawnLine(place: NotDrawn, number: number): HTMLElement {
    const key = place.inside_mm.join();
    const sure = `${Math.round(place.peak_probability * 100)} % sure at most`;
    return h(
      "li",
      { class: "lesion" },
      h(
        "button",
        { type: "button", class: "go", onclick: () => this.goTo(place.inside_mm), "data-key": `go ${key}` },
        h("b", {}, `${place.class}?`),
        ` ${place.volume_ml.toFixed(1)} ml · ${sure}`,
      ),
      h(
        "div",
        { class: "row" },
        button("Draw", () => this.draw(place), {
          "aria-label": `Draw ${place.class} ${number} that isn't drawn`,
          disabled: !this.work.mayEdit,
          "data-key": `draw ${key}`,
        }),
      ),
    );
  }

  /** As if the person had clicked there, with the reach that is set. */
  private draw(place: NotDrawn): void {
    this.goTo(place.inside_mm);
    const where = { class: place.class, position_mm: place.inside_mm };
    void this.work.edit({ edit: "click", ...where, positive: true, ...this.tools.reached });
  }

  private line(lesion: Lesion): HTMLElement {
    const name = `${lesion.class} ${lesion.number}`;
    const key = lesion.inside_mm.join();
    const off = !this.work.mayEdit;
    const suv = lesion.suv_max === null ? "" : ` · SUVmax ${lesion.suv_max.toFixed(1)}`;
    const swatch = h("span", { class: `swatch ${lesion.class}`, "aria-hidden": "true" });
    swatch.style.borderColor = CLASS_COLOURS[lesion.class];
    const go = h(
      "button",
      { type: "button", class: "go", onclick: () => this.goTo(lesion.inside_mm), "data-key": `go ${key}`, title: lesion.location },
      swatch,
      h("b", {}, name),
      h("span", {}, ` ${lesion.volume_ml.toFixed(1)} ml${suv}`),
    );
    const marks = [lesion.locked && "locked", lesion.accepted ? "checked" : lesion.confirmed && !lesion.locked && "confirmed"].filter(Boolean).join(", ");
    const act = (text: string, about: string, onclick: () => void): HTMLButtonElement =>
      button(text, onclick, { "aria-label": `${about} ${name}`, disabled: off, "data-key": `${text} ${key}` });
    return h(
      "li",
      { class: lesion.reasons.length ? "lesion flagged" : "lesion" },
      go,
      h("p", { class: "quiet" }, lesion.location, marks ? ` · ${marks}` : ""),
      lesion.reasons.length > 0 && h("p", { class: "flag" }, `Flagged: ${lesion.reasons.join("; ")}`),
      h(
        "div",
        { class: "row" },
        act(lesion.locked ? "Unlock" : "Lock", lesion.locked ? "Unlock" : "Lock", () =>
          this.lock(lesion.class, lesion.inside_mm, lesion.locked)),
        act(`To ${other(lesion.class)}`, `To ${other(lesion.class)}:`, () =>
          this.relabel(lesion.class, lesion.inside_mm)),
        !lesion.accepted && act("Checked", "Mark as checked:", () =>
          void this.work.edit({ edit: "accept", class: lesion.class, position_mm: lesion.inside_mm })),
        act("Delete", "Delete", () => this.erase(lesion.class, lesion.inside_mm)),
      ),
    );
  }
}

function flagged(lesion: Lesion): boolean {
  return lesion.reasons.length > 0;
}

/** No word of a person's stands in it. */
function unconfirmed(lesion: Lesion): boolean {
  return !lesion.confirmed;
}

function other(tumour: Tumour): Tumour {
  return tumour === "GTVp" ? "GTVn" : "GTVp";
}
