/** The page of one session: bars, panels and panes round a `Work`. */

import type { Api } from "./api.js";
import { CT_PRESETS } from "./colours.js";
import { Display } from "./display.js";
import { button, h } from "./dom.js";
import { EditList } from "./edits.js";
import { hint } from "./hint.js";
import { help, listen, type Key } from "./keys.js";
import { LesionList } from "./lesions.js";
import { looks } from "./looks.js";
import { approve, take } from "./outputs.js";
import { Panes } from "./panes.js";
import { Readout } from "./readout.js";
import { Scene } from "./scene.js";
import { Threshold } from "./threshold.js";
import { toolbox } from "./toolbox.js";
import { TOOLS, TOOL_NAMES, Tools } from "./tools.js";
import type { ServerFacts } from "./wire.js";
import { clock } from "./words.js";
import type { Notice, Work } from "./work.js";

export class Workplace {
  readonly root: HTMLElement;
  readonly scene: Scene;
  private readonly undo: HTMLButtonElement;
  private readonly redo: HTMLButtonElement;
  private readonly approveButton: HTMLButtonElement;
  private readonly exportButton: HTMLButtonElement;
  private readonly approval = h("p", { class: "approval" });
  private readonly lookOnly = h("div", { class: "banner", role: "status", hidden: true });
  private readonly message = h("p", { class: "message", role: "status", "aria-live": "polite" });
  private readonly deaf: () => void;

  constructor(
    api: Api,
    private readonly work: Work,
    facts: ServerFacts,
    label: string,
    leave: () => void,
  ) {
    const display = new Display();
    this.scene = new Scene(work.pictures, display);
    const tools = new Tools(api, work, this.scene);
    const panes = new Panes(this.scene, tools);
    const lesions = new LesionList(api, work, this.scene, tools);
    const threshold = new Threshold(api, work, this.scene);
    const edits = new EditList(work, this.scene);
    const readout = new Readout(api, work, this.scene);
    panes.hovered = (place) => readout.hover(place);
    this.undo = button("Undo", () => void work.undo(), { "aria-keyshortcuts": "z", title: "Undo (z)" });
    this.redo = button("Redo", () => void work.redo(), { "aria-keyshortcuts": "y", title: "Redo (y)" });
    this.approveButton = button("Approve …", () => approve(work));
    this.exportButton = button("Export …", () => void take(work, api, facts.formats), { class: "primary" });
    const keys = this.keys(tools, panes, lesions, threshold, display);
    const notes = [...work.pictures.facts.notices.map((n) => n.text), ...work.facts.notes];
    this.root = h(
      "div",
      { class: "work" },
      h(
        "header",
        { class: "bar" },
        button("‹ Studies", leave, { class: "back" }),
        h("h1", { title: label }, label),
        this.undo,
        this.redo,
        this.approval,
        notes.length > 0 && warnings(notes),
        this.approveButton,
        this.exportButton,
        button("?", () => help(keys), { "aria-label": "Keys and mouse", title: "Keys and mouse (?)", class: "round" }),
      ),
      h("div", { class: "side left" }, toolbox(tools, work), threshold.root, looks(display, work.pictures.facts.pet)),
      h("main", { class: "middle" }, this.lookOnly, panes.root, hint()),
      h("div", { class: "side right" }, lesions.root, edits.root),
      h("footer", { class: "foot" }, readout.root, this.message),
    );
    this.deaf = listen(keys);
    work.changed.on(() => this.show());
    for (const sign of ["pointermove", "wheel", "keydown"]) {
      this.root.addEventListener(sign, () => void work.follow(), { passive: true });
    }
    work.notices.on((notice) => this.say(notice));
    work.pictures.changed.on(() => this.show());
    this.show();
  }

  leave(): void {
    this.deaf();
  }

  private say(notice: Notice): void {
    this.message.textContent = notice.text;
    this.message.className = `message ${notice.kind}`;
  }

  private show(): void {
    const { work } = this;
    const { facts } = work;
    const off = !work.mayEdit;
    // while an edit waits there may soon be something to take back
    this.undo.disabled = off || !(facts.can_undo || work.pending > 0);
    this.redo.disabled = off || !(facts.can_redo || work.pending > 0);
    this.approveButton.disabled = off || work.pending > 0;
    this.exportButton.disabled = Boolean(work.onlyLooks) || work.pending > 0;
    const approval = facts.approval;
    this.approval.textContent = approval
      ? approval.stands
        ? `Approved by ${approval.name}, ${clock(approval.time)}`
        : `Changed since ${approval.name} approved`
      : "Not approved";
    this.approval.classList.toggle("stands", approval?.stands === true);
    this.root.classList.toggle("waits", work.pending > 0);
    if (work.pending > 0) {
      this.say({ text: work.pending > 1 ? `Working on ${work.pending} edits …` : "Working on it …", kind: "waits" });
    } else if (work.pictures.loaded < 1) {
      const may = work.pictures.whole ? "look and edit" : "look";
      this.say({ text: `Fetching the images: ${Math.round(100 * work.pictures.loaded)} %. You can ${may} already.`, kind: "waits" });
    } else if (this.message.classList.contains("waits")) {
      this.say({ text: "", kind: "done" });
    }
    this.banner();
  }

  private banner(): void {
    const { work } = this;
    this.lookOnly.hidden = !work.onlyLooks && !work.asleep;
    if (work.onlyLooks) {
      this.lookOnly.replaceChildren(
        h("span", {}, work.onlyLooks),
        button("Take over", () => void work.takeOver().catch(() => undefined), { "data-key": "take-over" }),
      );
    } else if (work.asleep) {
      this.lookOnly.replaceChildren(
        h("span", {}, "This work was put away after a while without use. Nothing is lost."),
        button("Go on", () => void work.resume().catch(() => undefined)),
      );
    }
  }

  private keys(tools: Tools, panes: Panes, lesions: LesionList, threshold: Threshold, display: Display): Key[] {
    const { scene, work } = this;
    const step = (across: number, down: number): void => {
      const { cut } = panes.current;
      const next: [number, number, number] = [...scene.cursor];
      next[cut.across] += across;
      next[cut.down] += down;
      scene.moveTo(next);
    };
    const here = (act: (found: NonNullable<LesionList["here"]>) => void) => () => {
      const found = lesions.here;
      if (found) act(found);
      else this.say({ text: "There is no lesion under the cross. Move the cross into one first.", kind: "wrong" });
    };
    const heat = (wanted: typeof display.look.heat) => () =>
      display.set({ heat: display.look.heat === wanted ? "None" : wanted });
    const keys: Key[] = [
      ...TOOL_NAMES.map((name) => ({
        keys: [TOOLS[name].key],
        about: `${TOOLS[name].name}: ${TOOLS[name].about}`,
        act: () => tools.choose(name),
      })),
      { keys: ["1"], about: "Class GTVp", act: () => tools.chooseClass("GTVp") },
      { keys: ["2"], about: "Class GTVn", act: () => tools.chooseClass("GTVn") },
      { keys: ["Enter", "Space"], about: "With a picture in focus: use the tool where the cross is", act: () => tools.useAtCursor(panes.current.cut) },
      {
        keys: ["[", "]"],
        goesOn: true,
        about: "Smaller or larger: the brush, or how far a click reaches",
        act: (name) => tools.resize(name === "[" ? -1 : 1),
      },
      { keys: ["z", "Ctrl+z"], about: "Undo", act: () => !this.undo.disabled && void work.undo() },
      { keys: ["y", "Ctrl+y", "Ctrl+Shift+z"], about: "Redo", act: () => !this.redo.disabled && void work.redo() },
      { keys: ["n"], about: "Next uncertain place", act: () => void lesions.nextPlace() },
      { keys: ["l"], about: "Lock or unlock the lesion under the cross", act: here((l) => lesions.lock(l.tumour, l.position, l.locked)) },
      { keys: ["c"], about: "Change the class of the lesion under the cross", act: here((l) => lesions.relabel(l.tumour, l.position)) },
      { keys: ["Delete"], about: "Delete the lesion under the cross", act: here((l) => lesions.erase(l.tumour, l.position)) },
      { keys: ["t"], about: "Threshold slider", act: () => threshold.slider.focus() },
      { keys: ["u"], about: "Uncertainty on or off", act: heat("Uncertainty") },
      { keys: ["p"], about: "Probability of the class on or off", act: () => heat(`${tools.tumour} probability`)() },
      { keys: ["o"], about: "Contours on or off", act: () => display.set({ outlines: !display.look.outlines }) },
      { keys: ["x"], about: "PET over the CT on or off", act: () => display.set({ fusion: display.look.fusion > 0 ? 0 : 0.4 }) },
      { keys: ["w"], about: "Next CT window", act: () => display.set(nextPreset(display)) },
      {
        keys: ["PageUp", "PageDown"],
        goesOn: true,
        about: "Previous or next slice",
        act: (name) => panes.scroll(panes.current, name === "PageUp" ? -1 : 1),
      },
      {
        keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
        goesOn: true,
        about: "With a picture in focus: move the cross",
        act: (name) => step(...(ARROWS[name] ?? [0, 0])),
      },
      { keys: ["+", "-"], goesOn: true, about: "Zoom", act: (name) => panes.current.zoomBy(name === "+" ? 1.25 : 0.8) },
      { keys: ["0"], about: "The whole picture again", act: () => panes.current.whole() },
      { keys: ["m"], about: "Make this view the large one", act: () => panes.enlarge(panes.current.name) },
      { keys: ["Escape"], about: "Back to looking; drop a threshold that is tried", act: () => (threshold.cancel(), tools.choose("look")) },
      { keys: ["?"], about: "This list", act: () => help(keys) },
    ];
    return keys;
  }
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function nextPreset(display: Display): { centre: number; width: number } {
  const presets = Object.values(CT_PRESETS);
  const now = presets.findIndex((p) => p.centre === display.look.centre && p.width === display.look.width);
  return presets[(now + 1) % presets.length] ?? { centre: 40, width: 400 };
}

function warnings(notes: readonly string[]): HTMLElement {
  return h(
    "details",
    { class: "warnings" },
    h("summary", {}, `⚠ ${notes.length} ${notes.length === 1 ? "warning" : "warnings"}`),
    h("ul", {}, ...notes.map((note) => h("li", {}, note))),
  );
}
