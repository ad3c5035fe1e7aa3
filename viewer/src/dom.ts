/** Elements, made shortly. Text is always text: nothing here reads HTML. */

type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === "class") {
      element.className = String(value);
    } else if (name in element && !name.startsWith("aria")) {
      (element as unknown as Props)[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((c): c is Node | string => Boolean(c)));
  return element;
}

/** New children in place of the old ones; focus stays on what has the same `data-key`. */
export function filledWith(parent: Element, ...children: Child[]): void {
  const focused = document.activeElement;
  const key = parent.contains(focused) ? focused?.getAttribute("data-key") : null;
  parent.replaceChildren(...children.filter((c): c is Node | string => Boolean(c)));
  if (key) {
    const again = parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    again?.focus({ preventScroll: true });
  }
}

export function button(text: string, onclick: () => void, props: Props = {}): HTMLButtonElement {
  return h("button", { type: "button", onclick, ...props }, text);
}

export function labelled(text: string, input: HTMLElement, ...after: Child[]): HTMLLabelElement {
  return h("label", { class: "field" }, h("span", {}, text), input, ...after);
}

export function chosen(
  options: readonly string[],
  value: string,
  onchange: (value: string) => void,
  props: Props = {},
): HTMLSelectElement {
  const select = h("select", props, ...options.map((o) => h("option", { value: o }, o)));
  select.value = value;
  select.addEventListener("change", () => onchange(select.value));
  return select;
}

/** A dialog that the browser itself keeps focus in, and that Escape closes. */
export function dialog(title: string, ...content: Child[]): HTMLDialogElement {
  const heading = h("h2", { id: `title-${++count}` }, title);
  const made = h("dialog", { "aria-labelledby": heading.id }, heading, ...content);
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}
let count = 0;

/** At most one call in `ms`, the last one always made. */
export function throttled(ms: number, call: () => void): () => void {
  let timer = 0;
  return () => {
    if (timer) return;
    timer = window.setTimeout(() => {
      timer = 0;
      call();
    }, ms);
  };
}
