import type { Change, Edit } from "./wire.js";
import { latency } from "./words.js";

/** What is said of a change once it is on the screen. */
export function summary(change: Change, edit: Edit | undefined, seconds: number): string {
  const report = change.report;
  const what = report && report.changed_ml > 0
    ? `${report.changed_ml.toFixed(2)} ml changed${report.forced ? forced(edit) : ""}`
    : report && !change.changed
      ? "Nothing had to be changed; done"
      : "Done";
  return `${what} in ${latency(seconds)}.`;
}

/** A click that says no and isn't followed takes a ball away and leaves the rest: here is what takes all. */
function forced(edit: Edit | undefined): string {
  const denied = edit?.edit === "click" && edit.positive === false;
  const all = denied ? "; if it is no tumour at all, Delete in the list of lesions takes the whole lesion away" : "";
  return ` (set by your word: the network didn't agree${all})`;
}
