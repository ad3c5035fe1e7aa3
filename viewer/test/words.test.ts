import assert from "node:assert/strict";
import { test } from "node:test";

import { nameOf } from "../src/keys.js";
import { summary } from "../src/summary.js";
import { duration, latency, said } from "../src/words.js";

const key = (key: string, more: object = {}) =>
  nameOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, getModifierState: () => false, ...more });

test("keys have one name however they are typed", () => {
  assert.equal(key("z", { ctrlKey: true }), "Ctrl+z");
  assert.equal(key("z", { metaKey: true }), "Ctrl+z");
  assert.equal(key("Z", { ctrlKey: true, shiftKey: true }), "Ctrl+Shift+z");
  assert.equal(key("?", { shiftKey: true }), "?");
  assert.equal(key(" "), "Space");
  assert.equal(key("a", { altKey: true }), "");
  assert.equal(key("B"), "b"); // Caps Lock
  assert.equal(key("[", { ctrlKey: true, altKey: true, getModifierState: (name: string) => name === "AltGraph" }), "[");
});

test("refusals are one line that says what to do, without words of HTTP", () => {
  const parts = { came: "a click in the air", allowed: "voxels of the body", remedy: "click elsewhere" };
  assert.equal(said({ code: "x", ...parts }), "A click in the air; what to do: click elsewhere.");
  for (const code of ["stale-revision", "not-held", "not-admitted", "revision-required"]) {
    const text = said({ code, came: "header If-Match", allowed: "", remedy: "ETag" });
    assert(!/If-Match|ETag|Hnuiseg-Lease|header|\d{3}/.test(text), text);
  }
});

test("times are short", () => {
  assert.equal(duration(0.4), "less than a second");
  assert.equal(duration(42.4), "42 s");
  assert.equal(duration(100), "2 min");
  assert.equal(latency(0.234), "0.23 s");
  assert.equal(latency(3.21), "3.2 s");
});

test("a no that the network doesn't follow names what takes the whole lesion away", () => {
  const report = { changed_ml: 2, moved_ml: 0, forced: true, outside_ml: 0, radius_mm: 15, zoomed_out: 0, members: 1 };
  const change = { revision: "1", edit_id: 1, report, changed: null, latency_s: 0.1, can_undo: true, can_redo: false };
  const of = (positive: boolean, forced = true) =>
    summary({ ...change, report: { ...report, forced } }, { edit: "click", positive }, 0.1);
  assert(/^2\.00 ml changed \(set by your word: .*Delete in the list/.test(of(false)));
  assert(/set by your word/.test(of(true)));
  for (const text of [of(true), of(false, false)]) assert(!text.includes("Delete"));
  assert(!of(false, false).includes("your word"));
});
