/** Approval under a typed name, and files to take away. */

import { told, type Api } from "./api.js";
import { button, dialog, filledWith, h, labelled } from "./dom.js";
import type { ExportFacts } from "./wire.js";
import { clock } from "./words.js";
import type { Work } from "./work.js";

const FORMATS: Readonly<Record<string, string>> = {
  rtstruct: "RTSTRUCT: contours for the planning system",
  seg: "SEG: masks as a DICOM segmentation",
  nifti: "NIfTI: labels, probabilities and uncertainty",
  report: "Report: one page to read",
  "seg-fractional": "SEG, fractional: probabilities (large)",
  "parametric-map": "Parametric map: uncertainty (large)",
};
const USUAL = ["rtstruct", "seg", "nifti", "report"];

export function approve(work: Work): void {
  const name = h("input", { type: "text", maxLength: 200, required: true, autocomplete: "off" });
  const problem = h("p", { class: "problem", role: "alert" });
  const form = h(
    "form",
    {},
    h("p", {}, "You take the contours as they are now. Your name, the time and the state of the contours are kept in the audit file of this server."),
    h("p", { class: "strong" }, "DICOM files stay UNAPPROVED: only the planning system approves. The next edit ends this approval."),
    labelled("Your name", name),
    problem,
    h("div", { class: "row end" }, button("Cancel", () => made.close()), h("button", { type: "submit", class: "primary" }, "Approve")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    problem.textContent = "";
    work.approve(name.value).then(
      () => made.close(),
      (error: unknown) => (problem.textContent = told(error)),
    );
  });
  const made = dialog("Approve these contours", form);
  name.focus();
}

export async function take(work: Work, api: Api, formats: readonly string[]): Promise<void> {
  const known = Object.keys(FORMATS);
  const ordered = [...formats].sort((a, b) => known.indexOf(a) - known.indexOf(b));
  const boxes = ordered.map((format) => {
    const box = h("input", { type: "checkbox", value: format, checked: USUAL.includes(format) });
    return { box, line: h("label", { class: "field check" }, box, h("span", {}, FORMATS[format] ?? format)) };
  });
  const problem = h("p", { class: "problem", role: "alert" });
  const made = h("div", { class: "exports", "aria-live": "polite" });
  const earlier = h("div", { class: "exports" });
  const write = h("button", { type: "submit", class: "primary" }, "Write files");
  const form = h(
    "form",
    {},
    h("p", { class: "strong" }, "Every DICOM file is written as UNAPPROVED, whatever was approved here."),
    ...boxes.map(({ line }) => line),
    problem,
    h("div", { class: "row end" }, button("Close", () => shown.close()), write),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    if (chosen.length === 0) {
      problem.textContent = "Nothing is chosen. Tick at least one kind of file.";
      return;
    }
    problem.textContent = "";
    write.disabled = true;
    made.textContent = "Writing …";
    work.write(chosen).then(
      (done) => filledWith(made, written(done, api, work.facts.revision)),
      (error: unknown) => {
        made.textContent = "";
        problem.textContent = told(error);
      },
    ).finally(() => (write.disabled = false));
  });
  const shown = dialog("Export", form, made, earlier);
  try {
    const { exports } = await api.exports(work.id);
    if (exports.length > 0) {
      earlier.append(h("h3", {}, "Earlier exports"), ...[...exports].reverse().map((e) => written(e, api, work.facts.revision)));
    }
  } catch (error) {
    problem.textContent = told(error);
  }
}

function written(done: ExportFacts, api: Api, now: string): HTMLElement {
  const state = done.revision === now ? "of the contours as they are now" : "of an earlier state";
  return h(
    "div",
    { class: "export", "data-export": done.id },
    h("p", {}, `${clock(done.created)}, ${state}, UNAPPROVED`),
    h(
      "ul",
      {},
      ...[...done.files].sort((a, b) => rank(a.name) - rank(b.name)).map((file) =>
        h("li", {},
          h("a", { href: api.fileAddress(done.id, file.id), download: file.name, title: `SHA-256 ${file.sha256}` }, file.name),
          h("span", { class: "quiet" }, ` ${size(file.bytes)}`))),
      ...done.not_written.map((left) => h("li", { class: "quiet" }, `${left.name}: ${left.reason}`)),
    ),
    ...done.notices.map((notice) => h("p", { class: "quiet" }, notice)),
  );
}

/** What goes to the planning system first. */
function rank(name: string): number {
  const order = ["rtstruct.dcm", "seg.dcm", "report.html"];
  const found = order.indexOf(name);
  return found < 0 ? order.length : found;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
