/** What the page says when something goes wrong: what happened, what to do, in one line. */

export interface ErrorParts {
  code: string;
  came: string;
  allowed: string;
  remedy: string;
}

/** Words for what users meet; other refusals of the server are said in its own. */
const WORDS: Readonly<Record<string, string>> = {
  "stale-revision": "The contours were changed elsewhere meanwhile. They are shown as they are now; look, and do it again.",
  "held-elsewhere": "Another tab is editing this. Go on there, or take over if it was closed.",
  "not-held": "Another tab took over. This one only shows; you can take over again.",
  "session-closed": "This work was put away after a while without use. It is being opened again; nothing is lost.",
  "not-ready": "The automatic contours aren't there yet. Start them first.",
  "study-not-open": "The images aren't in memory. Open the patient again from the list.",
  "not-admitted": "The server was started anew. Open the address that it printed in its window, then come back here.",
  "foreign-origin": "The server doesn't take this page's requests. Open the address that it printed in its window.",
  "foreign-host": "The server doesn't take this page's requests. Open the address that it printed in its window.",
  "too-many-sessions": "Too many patients are open at once. Close one of them first; nothing is lost.",
  "revision-required": "This page is out of date. Reload it.",
  "output-failed": "The disk can't be written. Make room on it, then do it again.",
  cancelled: "It was cancelled.",
  stopping: "The server is ending. What was done is kept.",
  fault: "Something went wrong in the program; what was done is kept. Try again, and report it if it comes back.",
};

/** One line of plain words. */
export function said(error: ErrorParts): string {
  return WORDS[error.code] ?? sentence(`${error.came}; what to do: ${error.remedy}`);
}

export function sentence(text: string): string {
  const plain = text.trim();
  const first = plain.charAt(0).toUpperCase() + plain.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

export const GONE = "The server doesn't answer. What was done is kept, and this page keeps trying.";

/** Seconds in words that are short enough to be read while waiting. */
export function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

export function latency(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(seconds < 1 ? 2 : 1)} s` : duration(seconds);
}

/** A time as the person's clock shows it. */
export function clock(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? iso
    : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
