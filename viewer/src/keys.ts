/** Short-cuts: one table, which the keyboard follows and `?` shows. */

import { button, dialog, h } from "./dom.js";

export interface Key {
  /** As `KeyboardEvent.key` says it; with "Ctrl+" or "Shift+" before where that is meant. */
  readonly keys: readonly string[];
  readonly about: string;
  /** Goes on while it is held down, as movements do; anything else is done once. */
  readonly goesOn?: true;
  /** Hears which of its keys it was. */
  readonly act: (name: string) => void;
}

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey" | "getModifierState">;

/** The name of a pressed key, as tables of keys have it: letters are small ones, Caps Lock or not. */
export function nameOf(event: Pressed): string {
  if (event.getModifierState("AltGraph")) return event.key; // how many keyboards write [ and ]
  if (event.altKey) return "";
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return `${control}${event.shiftKey && control && event.key.length === 1 ? "Shift+" : shift}${key === " " ? "Space" : key}`;
}

/** Listen until the answer is called. Where somebody types or moves a slider, keys are theirs. */
export function listen(keys: readonly Key[]): () => void {
  const table = new Map(keys.flatMap((key) => key.keys.map((name) => [name, key] as const)));
  const heard = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    if (taken(target, name)) return;
    const key = table.get(name);
    if (!key) return;
    event.preventDefault();
    if (!event.repeat || key.goesOn) key.act(name);
  };
  document.addEventListener("keydown", heard);
  return () => document.removeEventListener("keydown", heard);
}

function taken(target: HTMLElement, name: string): boolean {
  if (target.matches("input[type=text], input[type=number], textarea")) return true;
  const moves = name.startsWith("Arrow") || name.startsWith("Page") || name === "Home" || name === "End";
  const presses = name === "Enter" || name === "Space";
  // after a choice by mouse a list keeps the focus: letters go on to be short-cuts, and choose nothing in it
  if (target.matches("select")) return moves || presses || name === "Escape";
  if (target.matches("input[type=range]")) return moves;
  if (target.matches("button, a, input[type=checkbox], summary")) return presses;
  return (moves || presses) && !target.matches("canvas, body");
}

const SHOWN: Readonly<Record<string, string>> = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page ↑", PageDown: "Page ↓", Delete: "Del",
};

export function help(keys: readonly Key[]): void {
  const rows = keys.map((key) => {
    const names = key.keys.map((name) => h("kbd", {}, SHOWN[name] ?? name));
    const cell = h("dt", {});
    names.forEach((name, i) => cell.append(...(i ? [" "] : []), name));
    return h("div", {}, cell, h("dd", {}, key.about));
  });
  const mouse: readonly [string, string][] = [
    ["Wheel", "next slice"],
    ["Ctrl + wheel", "zoom"],
    ["Drag, right button", "CT window: sideways its width, up and down its centre"],
    ["Drag with Shift, or middle button", "move the picture"],
    ["Click on the MIP", "go to the hottest voxel of that ray"],
  ];
  const made = dialog(
    "Keys and mouse",
    h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "List of keys" },
      h("dl", { class: "keys" }, ...rows,
        ...mouse.map(([what, about]) => h("div", {}, h("dt", {}, what), h("dd", {}, about))))),
    h("div", { class: "row end" }, button("Close", () => made.close(), { class: "primary", autofocus: true })),
  );
  made.classList.add("wide");
}
