import assert from "node:assert/strict";
import { test } from "node:test";

import { colourTable, ctTable, MAP_NAMES, petTable } from "../src/colours.js";
import { filled, heated, outlined, painted } from "../src/paint.js";
import type { Plane } from "../src/volume.js";

function plane<T extends Uint8Array | Int16Array | Uint16Array>(values: T, width: number): Plane<T> {
  const reach = { first: 0, step: 1 };
  return { values, width, height: values.length / width, across: reach, down: reach };
}

/** Even-odd rule at the middle of every pixel. */
function inside(outline: readonly Int32Array[], x: number, y: number): boolean {
  let odd = false;
  for (const way of outline) {
    for (let i = 0; i < way.length; i += 2) {
      const j = (i + 2) % way.length;
      const [x0, y0, y1] = [way[i] ?? 0, way[i + 1] ?? 0, way[j + 1] ?? 0];
      if (x0 === way[j] && Math.min(y0, y1) <= y && y < Math.max(y0, y1) && x0 > x) odd = !odd;
    }
  }
  return odd;
}

test("outlines enclose exactly the voxels of a mask, holes and touching corners too", () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 200; round++) {
    const [width, height] = [1 + Math.floor(random() * 9), 1 + Math.floor(random() * 9)];
    const values = Uint8Array.from({ length: width * height }, () => Math.floor(random() * 3));
    for (const value of [1, 2]) {
      const outline = outlined(plane(values, width), value);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          assert.equal(inside(outline, x + 0.5, y + 0.5), values[y * width + x] === value);
        }
      }
    }
  }
});

test("a straight edge is one line", () => {
  const [way] = outlined(plane(new Uint8Array(12).fill(1), 4), 1);
  assert.equal(way?.length, 8);
});

test("greys rise with HU and hold at both ends", () => {
  const table = ctTable(40, 400);
  assert.equal(table[-32768 + 32768], 0);
  assert.equal(table[-160 + 32768], 0);
  assert.equal(table[40 + 32768], 128);
  assert.equal(table[240 + 32768], 255);
  assert.equal(table[32767 + 32768], 255);
});

test("colour maps that are the default rise in lightness all the way", () => {
  for (const name of MAP_NAMES.filter((n) => n !== "Rainbow" && n !== "Inverted grey")) {
    const table = colourTable(name);
    let before = -1;
    for (let i = 0; i < 256; i++) {
      const [r, g, b] = [table[3 * i] ?? 0, table[3 * i + 1] ?? 0, table[3 * i + 2] ?? 0];
      const light = 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2;
      assert(light >= before - 2e-3, `${name} at ${i}`);
      before = light;
    }
  }
});

test("no uptake leaves the CT as it is, and what the PET doesn't cover looks otherwise", () => {
  const ct = plane(Int16Array.from([40, 40, 40]), 3);
  const pet = {
    plane: plane(Uint16Array.from([0, 65535, 1000]), 3),
    steps: petTable(0.01, 0, 10),
    colours: colourTable("Inferno"),
    notCovered: 65535,
  };
  const grey = ctTable(40, 400)[40 + 32768];
  const pixels = painted(ct, ctTable(40, 400), { ...pet, opacity: 0.4 });
  assert.deepEqual([...pixels.slice(0, 3)], [grey, grey, grey]);
  assert(pixels[4] !== grey && pixels[4] !== pixels[6]);
  const alone = painted(ct, ctTable(40, 400), { ...pet, opacity: 1 });
  assert.deepEqual([...alone.slice(0, 3)], [0, 0, 4]);
  assert.deepEqual([...alone.slice(4, 7)], [0, 0, 30]);
  assert.deepEqual([...alone.slice(8, 11)], [252, 255, 164]);
});

test("what wasn't sampled is never shown as certain", () => {
  const pixels = heated(plane(Uint8Array.from([0, 254, 255]), 3), colourTable("Viridis"), 254, 255);
  assert.equal(pixels[3], 0); // certain: nothing is laid over
  assert((pixels[7] ?? 0) > 150);
  assert((pixels[11] ?? 0) > 0);
  assert.deepEqual([...pixels.slice(8, 11)], [0, 0, 0]);
});

test("fills cover their class alone", () => {
  const pixels = filled(plane(Uint8Array.from([0, 1, 2]), 3), [[], [1, 2, 3, 255], [4, 5, 6, 128]].map((c) => (c.length ? c : undefined)) as number[][]);
  assert.deepEqual([...pixels], [0, 0, 0, 0, 1, 2, 3, 255, 4, 5, 6, 128]);
});
