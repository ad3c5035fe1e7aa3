import assert from "node:assert/strict";
import { test } from "node:test";

import { frameOf, fullHeader, nearest, placeOf, storedSlice, worldOf } from "../src/geometry.js";
import { AXIAL, CORONAL, SAGITTAL, Volume } from "../src/volume.js";
import { FIRST_MM, made, madeVolume, orders, SIZE, SPACING, valueAt } from "./made.js";

test("any of the 48 orders of storage shows the same patient", () => {
  for (const order of orders()) {
    const volume = madeVolume(order);
    assert.deepEqual(volume.frame.size, SIZE);
    assert.deepEqual(volume.frame.spacing, SPACING);
    for (let l = 0; l < SIZE[0]; l++) {
      for (let p = 0; p < SIZE[1]; p++) {
        for (let i = 0; i < SIZE[2]; i++) {
          assert.equal(volume.at([l, p, i]), valueAt(l, p, i));
        }
      }
    }
    assert.deepEqual(worldOf(volume.frame, [0, 0, 0]), FIRST_MM);
    assert.deepEqual(worldOf(volume.frame, [1, 2, 3]), [-9, -16, 21]);
  }
});

test("mm and places are each other's inverse", () => {
  for (const order of orders()) {
    const { frame } = madeVolume(order);
    const back = placeOf(frame, worldOf(frame, [0.25, 3.5, -1]));
    [0.25, 3.5, -1].forEach((v, k) => assert(Math.abs(v - (back[k] ?? NaN)) < 1e-9));
    assert.deepEqual(nearest(frame, [-3, 9, 2.4]), [0, SIZE[1] - 1, 2]);
  }
});

test("planes run to the left, to posterior and to inferior", () => {
  for (const order of orders()) {
    const volume = madeVolume(order);
    const axial = volume.plane(AXIAL, 2);
    assert(axial);
    assert.deepEqual([axial.width, axial.height], [SIZE[0], SIZE[1]]);
    assert.equal(axial.values[1], valueAt(1, 0, 2));
    assert.equal(axial.values[SIZE[0]], valueAt(0, 1, 2));
    const coronal = volume.plane(CORONAL, 4);
    assert.equal(coronal?.values[SIZE[0] * 3 + 2], valueAt(2, 4, 3));
    const sagittal = volume.plane(SAGITTAL, 1);
    assert.equal(sagittal?.values[SIZE[1] * 5 + 3], valueAt(1, 3, 5));
    assert.equal(volume.plane(AXIAL, SIZE[2]), undefined);
  }
});

test("a coarse array lies on the voxels that it holds", () => {
  for (const order of orders()) {
    const full = frameOf(made(order).header);
    for (const step of [2, 4]) {
      const { header, values } = made(order, step);
      const frame = frameOf(fullHeader(header, [0, 0, 0], made(order).header.shape));
      assert.deepEqual(frame.size, full.size);
      const corner = worldOf(frame, [1, 2, 3]);
      worldOf(full, [1, 2, 3]).forEach((v, k) => assert(Math.abs(v - (corner[k] ?? NaN)) < 1e-9));
      const coarse = new Volume(values, header, frame);
      const plane = coarse.plane(AXIAL, 2);
      assert(plane);
      for (let row = 0; row < plane.height; row++) {
        for (let column = 0; column < plane.width; column++) {
          const l = plane.across.first + column * step;
          const p = plane.down.first + row * step;
          const value = plane.values[row * plane.width + column] ?? NaN;
          assert.equal(Math.floor(value / 10), 10 * l + p);
          assert(Math.abs((value % 10) - 2) < step);
        }
      }
    }
  }
});

test("a stored slice that is fetched alone is the plane that was meant", () => {
  for (const order of orders()) {
    const { header, values } = made(order);
    const frame = frameOf(header);
    const whole = new Volume(values, header, frame);
    const [axis, index] = storedSlice(frame, 2, 4);
    const shape = [...header.shape] as [number, number, number];
    const start = [...header.start] as [number, number, number];
    shape[axis] = 1;
    start[axis] = index;
    const part = new Int16Array(shape[0] * shape[1] * shape[2]);
    let at = 0;
    const [, ny, nx] = header.shape;
    for (let z = start[0]; z < start[0] + shape[0]; z++)
      for (let y = start[1]; y < start[1] + shape[1]; y++)
        for (let x = start[2]; x < start[2] + shape[2]; x++) part[at++] = values[(z * ny + y) * nx + x] ?? 0;
    const alone = new Volume(part, { ...header, shape, start }, frame);
    assert.deepEqual([...(alone.plane(AXIAL, 4)?.values ?? [])], [...(whole.plane(AXIAL, 4)?.values ?? [])]);
    assert.equal(alone.plane(AXIAL, 3), undefined);
  }
});

test("a changed box changes its voxels and no other", () => {
  const { header, values } = made([[0, 1, 2], [false, false, false]]);
  const volume = new Volume(values.slice(), header, frameOf(header));
  volume.take(Int16Array.from([1, 2, 3, 4]), { ...header, start: [1, 2, 1], shape: [1, 2, 2] });
  const changed = [...volume.values].filter((v, i) => v !== values[i]);
  assert.deepEqual(changed, [1, 2, 3, 4]);
  const whole = new Volume(values.slice(), { ...header, start: [2, 0, 0] }, volume.frame);
  whole.take(Int16Array.from([7, 8]), { ...header, start: [1, 0, 0], shape: [2, 1, 1] });
  assert.equal(whole.values[0], 8); // what lies outside is left out
});
