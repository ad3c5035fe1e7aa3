/** Where the next click could change anything, asked of the server while the pointer rests. */

import { told, Trouble, type Api } from "./api.js";
import { volume } from "./pictures.js";
import type { Scene } from "./scene.js";
import type { Edit } from "./wire.js";
import type { Work } from "./work.js";

const REST_MS = 160;

export class ReachPreview {
  private timer = 0;
  private asking: AbortController | undefined;

  constructor(
    private readonly api: Api,
    private readonly work: Work,
    private readonly scene: Scene,
  ) {}

  /** Ask once the pointer rests. */
  askSoon(edit: () => Edit): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(edit()), REST_MS);
  }

  drop(): void {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.scene.region = undefined;
  }

  private async ask(edit: Edit): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
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
}
