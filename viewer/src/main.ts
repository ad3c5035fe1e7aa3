/** The page: a list of studies, or one session; where it is stands in the address, without a name. */

import { Api, told, Trouble, type ServerFacts } from "./api.js";
import { Connection } from "./connection.js";
import { button, h } from "./dom.js";
import { StudyList } from "./studies.js";
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
let shown = "";

connection.changed.on((state) => {
  away.hidden = state === "answers";
  const text = state === "gone" ? GONE : said({ code: "not-admitted", came: "", allowed: "", remedy: "" });
  away.replaceChildren(h("span", {}, text), button("Try now", () => connection.askNow()));
});

function sessionOfAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("session") ?? "";
}

async function go(): Promise<void> {
  const session = sessionOfAddress();
  if (shown === `session ${session}`) return;
  const left = leave;
  leave = () => undefined;
  await left();
  if (session) await work(session);
  else list();
}

function list(problem = ""): void {
  shown = "list";
  document.title = "hnuiseg";
  const made = new StudyList(api, connection, (session) => (location.hash = `session=${session}`));
  if (problem) made.root.prepend(h("p", { class: "problem", role: "alert" }, problem));
  leave = () => made.leave();
  place.replaceChildren(made.root);
}

async function work(session: string): Promise<void> {
  shown = `session ${session}`;
  place.replaceChildren(h("main", { class: "home" }, h("h1", {}, "Opening the images …"), h("p", { role: "status" }, "Nothing was changed yet.")));
  try {
    const facts: ServerFacts = await api.server();
    const opened = await Work.opened(api, connection, session);
    const studies = await api.studies();
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
    place.replaceChildren(made.root);
    opened.complete().catch((error: unknown) => {
      if (error instanceof Trouble && error.code === "aborted") return;
      opened.notices.tell({ text: told(error), kind: "wrong" });
    });
  } catch (error) {
    if (error instanceof Trouble && (error.code === "gone" || error.code === "not-admitted")) {
      await connection.back();
      return work(session);
    }
    history.replaceState(null, "", location.pathname);
    list(told(error));
  }
}

document.body.append(research, away, place);
window.addEventListener("hashchange", () => void go());
void go();
