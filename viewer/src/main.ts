/** The page: a list of studies, or one session; where it is stands in the address, without a name. */

import { Api, told, Trouble } from "./api.js";
import { Connection } from "./connection.js";
import { button, h } from "./dom.js";
import { StudyList } from "./studies.js";
import type { ServerFacts } from "./wire.js";
import { GONE, said } from "./words.js";
import { Work } from "./work.js";
import { Workplace } from "./workplace.js";
import "./style.css";

const api = new Api();
const connection = new Connection(api);
const place = h("div", { class: "place" });
const away = h("div", { class: "banner away", role: "alert", hidden: true });
const research = h("aside", { class: "research", "aria-label": "Intended use" }, "Research use only · not a medical device");
let leave: () => void | Promise<void> = () => undefined;
let letGo: () => void = () => undefined;
let shown = "";

connection.changed.on((state) => {
  away.hidden = state === "answers";
  const text = state === "gone" ? GONE : said({ code: "not-admitted", came: "", allowed: "", remedy: "" });
  away.replaceChildren(h("span", {}, text), button("Try now", () => connection.askNow()));
});

function sessionOfAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("session") ?? "";
}

let moving = false;

/** To where the address says, and on, where it changed meanwhile: one after another, so that no page outlives its turn. */
async function go(): Promise<void> {
  if (moving) return;
  moving = true;
  try {
    for (let session = sessionOfAddress(); shown !== nameOf(session); session = sessionOfAddress()) {
      const left = leave;
      leave = letGo = () => undefined;
      tell(session ? "Opening the images …" : "One moment …");
      await left();
      if (session) await work(session);
      else list();
    }
  } finally {
    moving = false;
  }
}

function nameOf(session: string): string {
  return session ? `session ${session}` : "list";
}

function tell(text: string): void {
  place.replaceChildren(h("main", { class: "home" }, h("h1", {}, text), h("p", { role: "status" }, "Everything that was done is kept.")));
}

function list(problem = ""): void {
  shown = nameOf("");
  document.title = "hnuiseg";
  const made = new StudyList(api, connection, (session) => (location.hash = `session=${session}`));
  if (problem) made.root.prepend(h("p", { class: "problem", role: "alert" }, problem));
  leave = () => made.leave();
  place.replaceChildren(made.root);
}

async function work(session: string): Promise<void> {
  shown = nameOf(session);
  try {
    const facts: ServerFacts = await api.server();
    const opened = await Work.opened(api, connection, session);
    const studies = await api.studies();
    if (session !== sessionOfAddress()) return opened.close();
    const label = studies.studies.find((s) => s.id === opened.facts.study)?.label ?? "Study";
    const back = (): void => {
      location.hash = "";
    };
    const made = new Workplace(api, opened, facts, label, back);
    document.title = `${label} · hnuiseg`;
    leave = async () => {
      made.leave();
      await opened.close();
    };
    letGo = () => opened.letGo();
    place.replaceChildren(made.root);
    opened.complete().catch((error: unknown) => {
      if (error instanceof Trouble && error.code === "aborted") return;
      opened.notices.tell({ text: told(error), kind: "wrong" });
    });
  } catch (error) {
    if (error instanceof Trouble && (error.code === "gone" || error.code === "not-admitted")) {
      await connection.back();
      return session === sessionOfAddress() ? work(session) : undefined;
    }
    if (session !== sessionOfAddress()) return;
    history.replaceState(null, "", location.pathname);
    list(told(error));
  }
}

document.body.append(research, away, place);
window.addEventListener("hashchange", () => void go());
window.addEventListener("pagehide", () => letGo());
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
void go();
