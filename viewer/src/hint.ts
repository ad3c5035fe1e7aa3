/** What a person needs to know once; put away, it stays away in this browser. */

import { button, h } from "./dom.js";
import { keep, kept } from "./display.js";

const KEY = "hnuiseg-hint";

export function hint(): HTMLElement | undefined {
  if (kept(KEY).seen === true) return undefined;
  const root = h(
    "aside",
    { class: "hint", "aria-label": "First steps" },
    h("h2", {}, "First steps"),
    h(
      "ol",
      {},
      h("li", {}, "Turn the wheel over a picture to go through the slices; click to move the cross."),
      h("li", {}, "Press N to go where the network is least sure."),
      h("li", {}, "Choose a class, then Add and click on tumour that was missed, or Remove and click on what is none. The dotted yellow line shows how far a click can reach."),
      h("li", {}, "Everything can be undone, and is saved at once. Press ? for all keys."),
    ),
    button("Got it", () => {
      keep(KEY, { seen: true });
      root.remove();
    }, { class: "primary" }),
  );
  return root;
}
