/** What is known of the voxel under the pointer: what is in the page at once, the rest asked for. */

import type { Api } from "./api.js";
import { h } from "./dom.js";
import { isInside, nearest, worldOf, type Triple } from "./geometry.js";
import type { Scene } from "./scene.js";
import type { Value } from "./wire.js";
import type { Work } from "./work.js";

const ASK_MS = 120;

export class Readout {
  readonly root = h("p", { class: "readout" });
  private asked = "";
  private answer: Value | undefined;
  private timer = 0;
  private asking: AbortController | undefined;
  private hovered: Triple | undefined;

  constructor(
    private readonly api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
  ) {
    scene.moved.on(() => this.show());
    work.changed.on(() => {
      this.asked = "";
      this.show();
    });
    scene.images.on(() => this.write());
    this.show();
  }

  hover(place: Triple | undefined): void {
    this.hovered = place;
    this.show();
  }

  private get voxel(): Triple | undefined {
    const place = this.hovered ?? this.scene.cursor;
    return isInside(this.scene.frame, place) ? nearest(this.scene.frame, place) : undefined;
  }

  private show(): void {
    const voxel = this.voxel;
    if (voxel && voxel.join() !== this.asked) {
      this.answer = undefined;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.ask(voxel), ASK_MS);
    }
    this.write();
  }

  private async ask(voxel: Triple): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.asked = voxel.join();
    try {
      const answer = await this.api.value(this.work.id, worldOf(this.scene.frame, voxel), asking.signal);
      if (asking.signal.aborted || this.voxel?.join() !== this.asked) return;
      this.answer = answer;
      this.write();
    } catch {
      this.asked = ""; // the next movement asks again
    }
  }

  private write(): void {
    const voxel = this.voxel;
    if (!voxel) {
      this.root.textContent = "Outside the image";
      return;
    }
    const { pictures, frame } = this.scene;
    const mm = worldOf(frame, voxel).map((v) => v.toFixed(1));
    const hu = pictures.ct?.at(voxel);
    const answer = this.answer;
    const parts: [string, string][] = [
      ["x, y, z", `${mm.join(", ")} mm`],
      ["CT", hu === undefined ? "…" : `${answer ? Math.round(answer.hu) : hu} HU`],
      ["SUV", this.suv(voxel)],
      ["GTVp", answer ? percent(answer.probabilities[1]) : "…"],
      ["GTVn", answer ? percent(answer.probabilities[2]) : "…"],
      ["Uncertainty", answer ? doubt(answer) : "…"],
    ];
    if (answer?.locked) parts.push(["Locked", "yes"]);
    this.root.replaceChildren(
      ...parts.flatMap(([name, value]) => [
        h("span", { class: "name" }, name),
        h("span", { class: "value" }, value),
      ]),
    );
  }

  private suv(voxel: Triple): string {
    const { pictures } = this.scene;
    if (!pictures.facts.pet) return "no PET";
    if (this.answer) return this.answer.suv === null ? "beyond the PET" : this.answer.suv.toFixed(2);
    const { pet } = pictures;
    const stored = pet?.at(voxel);
    if (pet === undefined || stored === undefined) return "…";
    if (stored === pet.header.not_covered) return "beyond the PET";
    return (stored * pet.header.slope + pet.header.intercept).toFixed(2);
  }
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

function doubt(value: Value): string {
  return value.entropy === null ? "not sampled" : `${value.entropy.toFixed(3)} nat`;
}
