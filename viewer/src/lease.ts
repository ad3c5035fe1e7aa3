/** The right to edit a session, which one tab at a time has: taken, kept by a heartbeat, let go with the tab. */

import { told, Trouble, type Api } from "./api.js";

export class Lease {
  /** What a change must bring. */
  token: string;
  /** Why this page may only look; empty: it may edit. */
  onlyLooks = "";
  private beat = 0;

  constructor(
    private readonly api: Api,
    private readonly session: string,
    /** The session was put away (true), or somebody may have it instead of us (false). */
    private readonly lost: (asleep: boolean) => void,
  ) {
    this.token = stored(session);
  }

  /** Hold the session; with `over` even if another tab does. */
  async hold(over: boolean): Promise<void> {
    this.stop();
    try {
      const got = await this.api.take(this.session, this.token, over);
      this.token = got.lease;
      keep(this.session, got.lease);
      this.onlyLooks = "";
      this.beatLater(got.lasts_s);
    } catch (error) {
      if (!(error instanceof Trouble) || error.code !== "held-elsewhere") throw error;
      this.onlyLooks = error.message;
    }
  }

  /** Somebody has it instead of us. */
  taken(error: unknown): void {
    this.stop();
    this.onlyLooks = told(error);
  }

  /** No heartbeat any more; the token is still good for what is under way. */
  stop(): void {
    clearTimeout(this.beat);
  }

  /** Nothing more will be asked with it. */
  forget(): void {
    this.stop();
    keep(this.session, "");
  }

  /** The tab closes: others needn't wait until it runs out. */
  letGo(): void {
    if (!this.onlyLooks && this.token) this.api.letGo(this.session, this.token);
  }

  private beatLater(lasts: number): void {
    this.stop();
    this.beat = window.setTimeout(() => {
      this.api.renew(this.session, this.token).then(
        () => this.beatLater(lasts),
        (error: unknown) => {
          const code = error instanceof Trouble ? error.code : "";
          if (code === "not-held" || code === "session-closed") this.lost(code === "session-closed");
          else this.beatLater(lasts);
        },
      );
    }, (lasts * 1000) / 3);
  }
}

/** A reload keeps its lease; a duplicated tab, which copies this store, must ask for its own. */
function stored(session: string): string {
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (entry?.type !== "reload") return "";
  try {
    return sessionStorage.getItem(`hnuiseg-lease-${session}`) ?? "";
  } catch {
    return "";
  }
}

function keep(session: string, lease: string): void {
  try {
    sessionStorage.setItem(`hnuiseg-lease-${session}`, lease);
  } catch {
    // kept nowhere: after a reload the page asks to take over
  }
}
