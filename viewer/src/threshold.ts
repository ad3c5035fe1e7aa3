/** The threshold slider: contours at another probability, seen before they are taken. */

import { told, Trouble, type Api } from "./api.js";
import { TUMOURS, type Tumour } from "./colours.js";
import { button, chosen, h, throttled } from "./dom.js";
import { volume } from "./pictures.js";
import type { Scene } from "./scene.js";
import type { Work } from "./work.js";

export class Threshold {
  readonly root = h("section", { class: "panel", "aria-label": "Threshold" });
  readonly slider: HTMLInputElement;
  private readonly shown = h("output", {}, "0.50");
  private readonly about = h("p", { class: "quiet", "aria-live": "polite" });
  private readonly takeButton: HTMLButtonElement;
  private readonly dropButton: HTMLButtonElement;
  private tumour: Tumour = "GTVp";
  private asking: AbortController | undefined;
  private readonly ask = throttled(120, () => void this.preview());

  constructor(
    private readonly api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
  ) {
    this.slider = h("input", {
      type: "range",
      min: "0.02",
      max: "0.98",
      step: "0.01",
      value: "0.5",
      "aria-label": "Probability threshold",
      oninput: () => {
        this.shown.textContent = Number(this.slider.value).toFixed(2);
        this.ask();
      },
    });
    const classes = chosen(TUMOURS, this.tumour, (value) => {
      this.tumour = value as Tumour;
      if (this.scene.preview) this.ask();
    }, { "aria-label": "Class of the threshold" });
    this.takeButton = button("Apply", () => void this.apply());
    this.dropButton = button("Cancel", () => this.cancel());
    this.root.append(
      h("h2", {}, "Threshold"),
      h("div", { class: "row" }, this.slider, this.shown),
      h("div", { class: "row" }, classes, this.takeButton, this.dropButton),
      this.about,
    );
    work.changed.on(() => this.enable());
    this.enable();
  }

  cancel(): void {
    this.slider.value = this.shown.textContent = "0.50";
    this.drop();
  }

  private drop(): void {
    this.asking?.abort();
    this.scene.preview = undefined;
    this.about.textContent = "";
    this.enable();
    this.scene.images.tell();
  }

  private enable(): void {
    const off = !this.work.mayEdit;
    this.slider.disabled = off;
    this.takeButton.disabled = off || !this.scene.preview;
    this.dropButton.disabled = !this.scene.preview;
  }

  private async preview(): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const value = Number(this.slider.value);
      const found = await this.api.preview(this.work.id, this.tumour, value, asking.signal);
      if (asking.signal.aborted) return;
      this.scene.preview = volume(found, this.scene.frame);
      const changed = found.header.report?.changed_ml ?? 0;
      this.about.textContent = `Would change ${changed.toFixed(2)} ml (dotted). Nothing is done until you apply it.`;
    } catch (error) {
      if (error instanceof Trouble && error.code === "aborted") return;
      this.scene.preview = undefined;
      this.about.textContent = told(error);
    }
    this.enable();
    this.scene.images.tell();
  }

  private async apply(): Promise<void> {
    const value = Number(this.slider.value);
    this.drop();
    await this.work.edit({ edit: "threshold", class: this.tumour, value });
  }
}
