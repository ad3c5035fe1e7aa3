/**
 * A session as this page holds it: its lease, its revision, and changes one after another.
 *
 * A change that the server acknowledged is on its disk. One whose answer never came is asked again once
 * the server is back, at the revision that it saw: so it is made once or not at all, never twice.
 */

import { told, Trouble, type Api } from "./api.js";
import type { Connection } from "./connection.js";
import { Lease } from "./lease.js";
import { Pictures } from "./pictures.js";
import { Signal } from "./signal.js";
import { summary } from "./summary.js";
import type { Change, Edit, Held, Lesions, SessionFacts } from "./wire.js";

const ALREADY = "The server had already made this edit before it was gone; it is shown.";
/** What a server says, or doesn't, that is ending or being started. */
const PASSING = ["gone", "not-admitted", "stopping"];
const AGAIN_MS = 400;
/** How often a page that only looks asks whether there is something new; asking counts as use of the session. */
const FOLLOW_MS = 2000;
type Asked = (held: Held) => Promise<Change>;

export interface Notice {
  text: string;
  kind: "done" | "wrong" | "waits";
}

export class Work {
  pictures!: Pictures;
  lesions: Lesions | undefined;
  /** Seconds from asking to pixels, of the edits that this page made. */
  readonly seconds = new Map<number, number>();
  /** Changes that wait for their answer. */
  pending = 0;
  asleep = false;
  readonly changed = new Signal();
  readonly notices = new Signal<Notice>();
  private readonly lease: Lease;
  private chain: Promise<void> = Promise.resolve();
  private generation = 0;
  private closed = false;
  private followed = 0;
  private readonly deaf: () => void;
  private resuming: Promise<void> | undefined;

  private constructor(
    private readonly api: Api,
    private readonly connection: Connection,
    public facts: SessionFacts,
  ) {
    this.lease = new Lease(api, facts.id, (asleep) => void this.lost(asleep));
    this.deaf = connection.changed.on((state) => {
      if (state === "answers" && !this.closed) void this.resume().catch(() => undefined);
    });
  }

  static async opened(api: Api, connection: Connection, id: string): Promise<Work> {
    const made = new Work(api, connection, await api.open(id));
    await made.hold(false);
    made.pictures = await Pictures.opened(api, id, made.facts.study);
    return made;
  }

  get id(): string {
    return this.facts.id;
  }

  /** Why this page may only look; empty: it may edit. */
  get onlyLooks(): string {
    return this.lease.onlyLooks;
  }

  get mayEdit(): boolean {
    return !this.onlyLooks && this.pictures.whole;
  }

  /** All that takes longer; the page is in use meanwhile. */
  async complete(): Promise<void> {
    void this.refreshLesions();
    for (;;) {
      try {
        await this.pictures.complete();
        break;
      } catch (error) {
        if (this.closed || !(error instanceof Trouble)) throw error;
        if (error.code !== "session-closed" && !PASSING.includes(error.code)) throw error;
        await this.again();
      }
    }
    this.changed.tell();
  }

  async hold(over: boolean): Promise<void> {
    await this.lease.hold(over);
    this.changed.tell();
  }

  /** Take over from another tab, and show what it did. */
  async takeOver(): Promise<void> {
    await this.hold(true);
    await this.reload();
  }

  edit(edit: Edit): Promise<Change | undefined> {
    return this.change((held) => this.api.edit(this.id, edit, held));
  }

  remove(edit: number): Promise<Change | undefined> {
    return this.change((held) => this.api.removeEdit(this.id, edit, held));
  }

  undo(): Promise<Change | undefined> {
    return this.change((held) => this.api.undo(this.id, held), () => this.facts.can_undo);
  }

  redo(): Promise<Change | undefined> {
    return this.change((held) => this.api.redo(this.id, held), () => this.facts.can_redo);
  }

  async approve(name: string): Promise<void> {
    await this.chain;
    await this.api.approve(this.id, name, this.held);
    await this.refresh();
  }

  async write(formats: string[]): ReturnType<Api["write"]> {
    await this.chain;
    return this.api.write(this.id, formats, this.held);
  }

  /** Put it away: every edit is kept. One that waits for a server that is gone is still made once it is back. */
  async close(): Promise<void> {
    if (this.connection.state === "answers" || this.pending === 0) await this.closedAfter(this.chain);
    else void this.closedAfter(this.chain);
  }

  /** The tab goes. What the server is working on keeps its lease: it is checked when its turn comes. */
  letGo(): void {
    if (this.pending === 0 && !this.closed) this.lease.letGo();
  }

  private async closedAfter(all: Promise<void>): Promise<void> {
    await all;
    this.closed = true;
    this.pictures.close();
    this.deaf();
    this.lease.forget();
    if (!this.onlyLooks) await this.api.close(this.id, this.lease.token).catch(() => undefined);
  }

  /** The heartbeat found the session closed, or another tab's. */
  private async lost(asleep: boolean): Promise<void> {
    if (this.closed) return;
    if (asleep) this.asleep = true;
    else await this.resume().catch((error: unknown) => this.lease.taken(error));
    this.changed.tell();
  }

  async refreshLesions(): Promise<void> {
    try {
      this.lesions = await this.api.lesions(this.id);
    } catch (error) {
      if (error instanceof Trouble && error.code === "session-closed") return;
      this.wrong(error);
    }
    this.changed.tell();
  }

  /** Everything as the server has it now. */
  async reload(): Promise<void> {
    await this.refresh();
    await this.pictures.again();
    await this.refreshLesions();
  }

  /** Go on after the server was away, or had put the session away. */
  resume(): Promise<void> {
    this.resuming ??= this.resumed().finally(() => {
      this.resuming = undefined;
    });
    return this.resuming;
  }

  private async resumed(): Promise<void> {
    const before = this.facts.revision;
    try {
      this.facts = await this.api.session(this.id, this.lease.token);
    } catch (error) {
      if (!(error instanceof Trouble) || error.code !== "session-closed") throw error;
      this.facts = await this.api.open(this.id);
    }
    this.asleep = false;
    await this.hold(false);
    if (this.facts.revision !== before && this.pictures.whole) await this.reload();
    this.changed.tell();
  }

  /** Somebody is looking: a page that may only look shows what the other tab did meanwhile. */
  async follow(): Promise<void> {
    const now = performance.now();
    if (!this.onlyLooks || !this.pictures.whole || now - this.followed < FOLLOW_MS) return;
    this.followed = now;
    try {
      const { revision } = await this.api.session(this.id, this.lease.token);
      if (revision !== this.facts.revision) await this.reload();
    } catch (error) {
      if (error instanceof Trouble && error.code === "session-closed") this.asleep = true;
      this.changed.tell();
    }
  }

  private get held(): Held {
    return { lease: this.lease.token, revision: this.facts.revision };
  }

  /** One after another: each sees the revision that the one before it made, and is left out where it makes no sense any more. */
  private change(asked: Asked, still: () => boolean = () => true): Promise<Change | undefined> {
    if (this.onlyLooks) {
      this.notices.tell({ text: this.onlyLooks, kind: "wrong" });
      return Promise.resolve(undefined);
    }
    const generation = this.generation;
    const began = performance.now();
    this.pending++;
    this.changed.tell();
    const made = this.chain.then(async () => {
      let after: (() => void) | undefined;
      try {
        if (generation !== this.generation || !still()) return undefined;
        const change = await this.made(asked);
        if (change) {
          const text = await this.shown(change, began).catch((error: unknown) => this.shownLater(error));
          after = () => this.notices.tell({ text, kind: "done" });
        } else {
          after = () => this.notices.tell({ text: ALREADY, kind: "done" });
        }
        return change;
      } catch (error) {
        this.generation++; // what waits behind it was meant for another state
        after = () => this.wrong(error);
        return undefined;
      } finally {
        this.pending--;
        this.changed.tell();
        after?.();
      }
    });
    this.chain = made.then(() => undefined);
    return made;
  }

  private async made(asked: Asked): Promise<Change | undefined> {
    let retaken = false;
    for (;;) {
      const saw = this.facts.revision;
      try {
        return await asked(this.held);
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        switch (error.code) {
          case "gone":
          case "not-admitted":
          case "stopping":
            this.notices.tell({ text: "This edit waits here until the server is back.", kind: "waits" });
            await this.again();
            break;
          case "session-closed":
            await this.resume();
            break;
          case "not-held":
            if (retaken) throw error;
            retaken = true;
            await this.hold(false);
            break;
          case "stale-revision":
            await this.reload();
            throw error;
          default:
            throw error;
        }
        if (this.onlyLooks) throw new Trouble("held-elsewhere", this.onlyLooks);
        if (this.facts.revision !== saw) return undefined;
      }
    }
  }

  /** The change is made, but the server went before it was fetched: everything anew once it is back. */
  private async shownLater(error: unknown): Promise<string> {
    if (!(error instanceof Trouble) || !(PASSING.includes(error.code) || error.code === "session-closed")) throw error;
    await this.again();
    await this.reload();
    return ALREADY;
  }

  /** Until the server is there and knows this session, however often it goes again meanwhile. */
  private async again(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      await this.connection.back();
      try {
        await this.resume();
        return;
      } catch (error) {
        if (!(error instanceof Trouble) || !PASSING.includes(error.code)) throw error;
      }
    }
  }

  /** Bring a change onto the screen; what is said of it. */
  private async shown(change: Change, began: number): Promise<string> {
    this.facts = {
      ...this.facts,
      revision: change.revision,
      can_undo: change.can_undo,
      can_redo: change.can_redo,
    };
    await this.pictures.patched(change.changed);
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const seconds = (performance.now() - began) / 1000;
    if (change.edit_id !== null) this.seconds.set(change.edit_id, seconds);
    await this.refresh();
    void this.refreshLesions();
    const made = this.facts.edits.find((line) => line.id === change.edit_id);
    return summary(change, made?.edit, seconds);
  }

  private async refresh(): Promise<void> {
    this.facts = await this.api.session(this.id, this.lease.token);
    this.changed.tell();
  }

  private wrong(error: unknown): void {
    if (error instanceof Trouble && error.code === "aborted") return;
    if (error instanceof Trouble && error.code === "not-held") this.lease.taken(error);
    this.changed.tell();
    this.notices.tell({ text: told(error), kind: "wrong" });
  }
}
