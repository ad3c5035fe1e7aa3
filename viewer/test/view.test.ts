import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOf, isPoint } from "../src/box.js";
import { frameOf, lettersOf, type Frame, type Triple } from "../src/geometry.js";
import { drawnTo, positionsOf } from "../src/stroke.js";
import { Viewport } from "../src/viewport.js";
import { AXIAL, CORONAL, SAGITTAL } from "../src/volume.js";
import { made, orders, SIZE, SPACING } from "./made.js";

const frame = frameOf(made([[2, 1, 0], [false, false, false]]).header);

test("letters are radiological for every order of storage", () => {
  for (const order of orders()) {
    const turned = frameOf(made(order).header);
    assert.deepEqual(lettersOf(turned, 0), ["R", "L"]);
    assert.deepEqual(lettersOf(turned, 1), ["A", "P"]);
    assert.deepEqual(lettersOf(turned, 2), ["S", "I"]);
  }
});

test("an axis that lies aslant has two letters, the nearer first; a head that is nearly straight has one", () => {
  const turned = (degrees: number): Frame => {
    const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return { ...frame, toWorld: [[c, -s, 0, 0], [s, c, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]] };
  };
  assert.deepEqual(lettersOf(turned(30), 0), ["RA", "LP"]);
  assert.deepEqual(lettersOf(turned(30), 1), ["AL", "PR"]);
  assert.deepEqual(lettersOf(turned(-30), 0), ["RP", "LA"]);
  assert.deepEqual(lettersOf(turned(9), 0), ["R", "L"]);
  assert.deepEqual(lettersOf(turned(30), 2), ["S", "I"]);
});

test("a pane's point and its place are each other's inverse, however it is zoomed and moved", () => {
  for (const cut of [AXIAL, CORONAL, SAGITTAL]) {
    const port = new Viewport(cut, frame, { clientWidth: 311, clientHeight: 207 });
    for (const change of [() => undefined, () => port.zoomBy(7, 12, 200), () => port.panBy(-40, 9), () => port.whole()]) {
      change();
      const place = port.placeAt(17, 171, [1, 2, 3]);
      assert.equal(place[cut.through], [1, 2, 3][cut.through]);
      const [x, y] = port.pointOf(place);
      assert(Math.abs(x - 17) < 1e-9 && Math.abs(y - 171) < 1e-9);
    }
  }
});

test("what lies under the pointer stays there when it zooms", () => {
  const port = new Viewport(AXIAL, frame, { clientWidth: 400, clientHeight: 300 });
  const before = port.placeAt(31, 250, [0, 0, 0]);
  port.zoomBy(3, 31, 250);
  port.placeAt(31, 250, [0, 0, 0]).forEach((v, k) => assert(Math.abs(v - (before[k] ?? NaN)) < 1e-9));
  assert(port.reveal([SIZE[0] - 1, 0, 0]));
  assert.deepEqual(port.pointOf([SIZE[0] - 1, 0, 0]).map(Math.round), [200, 150]);
});

test("a box on one slice is as deep as its shorter side, within the image", () => {
  const [low, high] = boxOf({ ...frame, size: [40, 40, 40] }, [10, 20, 12], [4, 5, 12], 2);
  assert.deepEqual(low, [4, 5, 11]); // 7 mm across, 3 mm a slice: one slice to either side
  assert.deepEqual(high, [10, 20, 13]);
  assert.deepEqual(boxOf(frame, [-5, 0, 2], [99, 4, 5], 2), [[0, 0, 2], [3, 4, 5]]);
  assert(isPoint(frame, [1.2, 2, 3], [0.8, 2.3, 3]));
  assert(!isPoint(frame, [1, 2, 3], [2, 2, 3]));
});

test("a line leaves out no voxel, and nothing is drawn between where it went out and came in again", () => {
  const stroke = { ways: [[[0, 0, 3]]] as Triple[][], hover: undefined, radiusMm: 1, colour: "", cut: AXIAL };
  assert(drawnTo(stroke, frame, [0, 4, 3], Math.min(...SPACING)));
  assert(positionsOf(stroke).length >= 5);
  for (const place of [[-9, 4, 3], [-9, 0, 3], [3, 0, 3], [3, 4, 3]] as const) drawnTo(stroke, frame, place, 1);
  const across = positionsOf(stroke).map((p) => p[0]);
  assert(across.every((x) => x === 0 || x === 3));
  assert.equal(stroke.ways.length, 2);
});

test("a line has an end", () => {
  const stroke = { ways: [[[0, 0, 3]]] as Triple[][], hover: undefined, radiusMm: 1, colour: "", cut: AXIAL };
  let room = true;
  for (let k = 0; room && k < 10_000; k++) room = drawnTo(stroke, frame, [k % 2 ? 0 : 3, 0, 3], 0.5);
  assert(!room);
  assert(positionsOf(stroke).length <= 9000);
});
