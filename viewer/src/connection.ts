/** Whether the server is there; when it isn't, asking until it is. */

import type { Api } from "./api.js";
import { Signal } from "./signal.js";

export type State = "answers" | "gone" | "not-admitted";
const AGAIN_MS = 1500;

export class Connection {
  state: State = "answers";
  readonly changed = new Signal<State>();
  private timer = 0;

  constructor(private readonly api: Api) {
    api.heard = (state) => this.hear(state);
  }

  /** Settles once the server answers and knows this page. */
  back(): Promise<void> {
    if (this.state === "answers") return Promise.resolve();
    return new Promise((resolve) => {
      const end = this.changed.on((state) => {
        if (state !== "answers") return;
        end();
        resolve();
      });
    });
  }

  askNow(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.api.server().catch(() => undefined);
  }

  private hear(state: State): void {
    if (state !== "answers" && !this.timer) {
      this.timer = window.setTimeout(() => this.askNow(), AGAIN_MS);
    }
    if (state === this.state) return;
    this.state = state;
    this.changed.tell(state);
  }
}
