/** The first page: every study that is served, how far it is, and the way into it. */

import { told, Trouble, type Api } from "./api.js";
import type { Connection } from "./connection.js";
import { button, filledWith, h } from "./dom.js";
import type { Job, SessionLine, Studies, Study } from "./wire.js";
import { clock, duration, said } from "./words.js";

const STATES: Readonly<Record<Study["state"], string>> = {
  "not-opened": "Not opened yet",
  waiting: "Waits for its turn",
  predicting: "Computing contours",
  ready: "Automatic contours ready",
  saved: "Work saved",
  "in-session": "Being worked on",
  approved: "Approved",
  failed: "Could not be read",
};
const QUICK_MS = 500;
const SLOW_MS = 4000;

export class StudyList {
  readonly root = h("main", { class: "home" });
  private readonly list = h("ul", { class: "studies" });
  private readonly problem = h("p", { class: "problem", role: "alert" });
  private timer = 0;
  private shown = true;
  private readonly deaf: () => void;
  private busy = "";

  constructor(
    private readonly api: Api,
    connection: Connection,
    private readonly enter: (session: string) => void,
  ) {
    this.root.append(
      h("h1", {}, "Studies"),
      h("p", { class: "quiet" }, "Everything stays on this machine. Start the automatic contours of a study, then correct them."),
      this.problem,
      this.list,
    );
    this.deaf = connection.changed.on((state) => {
      if (state === "answers") void this.refresh();
    });
    void this.refresh();
  }

  leave(): void {
    this.shown = false;
    this.deaf();
    clearTimeout(this.timer);
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    let next = SLOW_MS;
    try {
      const found = await this.api.studies();
      if (!this.shown) return;
      if (found.studies.some((s) => s.state === "waiting" || s.state === "predicting")) next = QUICK_MS;
      this.show(found);
    } catch (error) {
      this.tell(error);
    }
    if (this.shown) this.timer = window.setTimeout(() => void this.refresh(), next);
  }

  private show(found: Studies): void {
    if (found.studies.length === 0) {
      filledWith(this.list, h("li", {}, "No study was named. End the server and start it again: hnuiseg serve STUDY --work FOLDER."));
      return;
    }
    filledWith(this.list, ...found.studies.map((study) => this.line(study, found.starts)));
  }

  private line(study: Study, starts: Studies["starts"]): HTMLElement {
    const running = study.state === "waiting" || study.state === "predicting";
    const failed = study.state === "failed";
    const done = !running && (study.job?.state === "done" || study.state === "ready");
    const latest = [...study.sessions].sort((a, b) => b.begun.localeCompare(a.begun));
    const off = this.busy !== "";
    const act = (text: string, onclick: () => void, key: string, primary = false): HTMLButtonElement =>
      button(text, onclick, { "data-key": `${key} ${study.id}`, disabled: off, class: primary ? "primary" : "" });
    const begin = (start: string): void => this.run(`${study.id} begin`, async () => (await this.api.begin(study.id, start)).id);
    const ways = [
      !running && !done && act(failed ? "Try again" : "Compute automatic contours", () => void this.start(study.id), "start", latest.length === 0 && !failed),
      done && act(latest.length ? "Begin anew from the automatic contours" : "Correct these contours", () => begin("automatic"), "begin", latest.length === 0),
      ...starts.map((start) => act(`Begin from ${start.label}`, () => begin(start.id), `from ${start.id}`)),
    ].filter((way) => way !== false);
    return h(
      "li",
      { class: "study", "data-state": study.state },
      h("div", { class: "head" }, h("h2", {}, study.label), h("span", { class: `state ${study.state}` }, STATES[study.state])),
      study.problem && h("p", { class: "problem" }, said(study.problem)),
      running && study.job ? this.progress(study.job, study.label) : null,
      latest.length > 0 && h("ul", { class: "sessions" }, ...latest.map((session, i) => this.session(session, i === 0, off))),
      ways.length > 0 && h("div", { class: "row" }, ...ways),
      this.busy.startsWith(study.id) && h("p", { class: "quiet", "aria-live": "polite" }, "Opening the images …"),
    );
  }

  private session(session: SessionLine, first: boolean, off: boolean): HTMLElement {
    const from = session.start === "automatic" ? "the automatic contours" : session.start;
    const approval = session.approval;
    const state = approval
      ? approval.stands
        ? `approved by ${approval.name}, ${clock(approval.time)}`
        : `changed after the approval by ${approval.name}`
      : "not approved";
    return h(
      "li",
      {},
      button(session.open ? "Go on" : "Open", () => this.enter(session.id), {
        class: first ? "primary" : "",
        "data-key": `open ${session.id}`,
        disabled: off,
        "aria-label": `${session.open ? "Go on" : "Open"}: work of ${clock(session.begun)}`,
      }),
      h("span", {}, `Work of ${clock(session.begun)}, from ${from}; ${state}`),
    );
  }

  private progress(job: Job, label: string): HTMLElement {
    const waits = job.state === "waiting";
    const text = waits
      ? job.position > 1 ? `${job.position - 1} before it` : "Next"
      : `${Math.round(100 * job.progress)} %${job.eta_s === null ? "" : `, ${duration(job.eta_s)} left`}`;
    return h(
      "div",
      { class: "row progress" },
      h("progress", { max: 1, value: waits ? 0 : job.progress, "aria-label": `Progress of ${label}` }),
      h("span", {}, text),
      button("Cancel", () => void this.cancel(job.id), { "data-key": `cancel ${job.id}` }),
    );
  }

  private async start(study: string): Promise<void> {
    await this.tried(() => this.api.automatic(study));
    void this.refresh();
  }

  private async cancel(job: string): Promise<void> {
    await this.tried(() => this.api.cancel(job));
    void this.refresh();
  }

  private run(what: string, work: () => Promise<string>): void {
    this.busy = what;
    void this.refresh();
    void this.tried(async () => {
      const session = await work();
      this.enter(session);
    }).finally(() => {
      this.busy = "";
      if (this.shown) void this.refresh();
    });
  }

  private async tried(work: () => Promise<unknown>): Promise<void> {
    this.problem.textContent = "";
    try {
      await work();
    } catch (error) {
      this.tell(error);
    }
  }

  /** That the server is away is said above every page already. */
  private tell(error: unknown): void {
    const away = error instanceof Trouble && (error.code === "gone" || error.code === "not-admitted");
    if (!away) this.problem.textContent = told(error);
  }
}
